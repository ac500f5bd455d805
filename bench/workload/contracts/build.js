// Compiles the contracts beside this file into artifacts/NAME.json: the ABI, the creation
// and the runtime code, and the compiler that made them. Run by build.sh.
'use strict';
const fs = require('fs');
const path = require('path');
const solc = require('solc');

const here = __dirname;
const out = path.join(here, 'artifacts');
const contracts = fs.readdirSync(here).filter((f) => f.endsWith('.sol')).sort();

const input = {
  language: 'Solidity',
  sources: Object.fromEntries(contracts.map((f) => [f, { content: fs.readFileSync(path.join(here, f), 'utf8') }])),
  settings: {
    evmVersion: 'prague',
    optimizer: { enabled: true, runs: 200 },
    // The metadata hash covers comments and paths; without it the code depends only on the code.
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
  },
};

const readImport = (name) => {
  const file = path.join(here, 'node_modules', name);
  return fs.existsSync(file) ? { contents: fs.readFileSync(file, 'utf8') } : { error: 'not found' };
};

const result = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
// Warnings in our own files are errors; the libraries' are theirs.
const problems = (result.errors || []).filter(
  (e) => e.severity === 'error' || !e.sourceLocation || !e.sourceLocation.file.startsWith('@'),
);
for (const p of problems) process.stderr.write(p.formattedMessage);
if (problems.length > 0) process.exit(1);

fs.rmSync(out, { recursive: true, force: true });
fs.mkdirSync(out);
for (const file of contracts) {
  const name = path.basename(file, '.sol');
  const c = result.contracts[file][name];
  const artifact = {
    name,
    solc: solc.version(),
    abi: c.abi,
    bytecode: '0x' + c.evm.bytecode.object,
    runtime: '0x' + c.evm.deployedBytecode.object,
  };
  fs.writeFileSync(path.join(out, name + '.json'), JSON.stringify(artifact) + '\n');
}
