// Runs the functions of docs/browser/index.html in Node, without the page.
//
//   node predict_in_node.mjs index.html pixels.rgba WIDTH HEIGHT resized.rgb
//        [ONNXRUNTIME_WEB FOLDER]
//
// Writes the resized image; with onnxruntime-web's folder, prints the five most probable
// classes by FOLDER/alexnet.onnx and FOLDER/export.json, as JSON.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";

const [page, pixels, width, height, resized, runtime, folder] = process.argv.slice(2);
const html = fs.readFileSync(page, "utf8");
vm.runInThisContext(html.match(/<script id="numbers">([^]*?)<\/script>/)[1]);
const rgba = fs.readFileSync(pixels);
fs.writeFileSync(resized, resizeAndCrop(rgba, Number(width), Number(height), 256));
if (runtime) {
  const file = path.join(runtime, "dist", "ort.node.min.mjs");
  const ort = await import(pathToFileURL(file).href);
  const record = JSON.parse(fs.readFileSync(path.join(folder, "export.json"), "utf8"));
  const network = fs.readFileSync(path.join(folder, "alexnet.onnx"));
  const session = await ort.InferenceSession.create(network);
  const answers = await classify(
    ort, session, record, rgba, Number(width), Number(height));
  console.log(JSON.stringify(answers));
}
