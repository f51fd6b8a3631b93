"""What a network costs on hardware: bytes that move, bounds of time, bits, energy, memory."""
