"""The picture of each question, one file each: a function of what the API returned that gives a drawing."""
