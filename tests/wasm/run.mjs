// Runs what `lib.rs` has in node: 200 seeds, each twice, which has to be the same.
import fs from "node:fs";

const wasm = new WebAssembly.Module(fs.readFileSync(process.argv[2]));
const imports = WebAssembly.Module.imports(wasm).length;
const { run } = new WebAssembly.Instance(wasm, {}).exports;
let bytes = 0;
for (let seed = 0; seed < 200; seed += 1) {
  const heard = run(seed);
  if (heard === 0 || run(seed) !== heard) {
    throw new Error(`seed ${seed}: ${heard}`);
  }
  bytes += heard;
}
console.log(`200 seeds, ${bytes} bytes heard, ${imports} imports`);
