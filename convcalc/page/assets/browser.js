// convcalc in the browser: a worker that starts Python (Pyodide), unpacks the sources and answers questions.
// The page ends this worker where a question takes too long, and starts another.

let respond = null;

async function start({runtime, sources}) {
  const {loadPyodide} = await import(new URL('pyodide.mjs', runtime));
  const [python, archive] = await Promise.all([
    loadPyodide({indexURL: String(runtime)}),
    fetch(sources).then((response) => {
      if (!response.ok) throw new Error(`${sources}: ${response.status}`);
      return response.arrayBuffer();
    }),
  ]);
  python.unpackArchive(archive, 'zip', {extractDir: '/convcalc'});
  respond = python.runPython(`
import json, os, sys, zipfile
with zipfile.ZipFile("/convcalc/sources.zip") as sources:
    sources.extractall("/convcalc")
os.remove("/convcalc/sources.zip")
sys.path.insert(0, "/convcalc")
from convcalc.page.live.worker import respond
lambda text: respond(json.loads(text)).decode()
`);
}

self.onmessage = async ({data}) => {
  try {
    if (data.start) {
      await start(data.start);
      self.postMessage({ready: true});
    } else {
      self.postMessage({answer: respond(data.ask)});
    }
  } catch (error) {
    self.postMessage({failed: String(error && error.message || error).split('\n').slice(-2).join(' ').trim()});
  }
};
