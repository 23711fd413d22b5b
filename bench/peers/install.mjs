// Installs what the gateway is compared with into a folder of its own: Python libraries and servers by pip, llama-server from the source
// that PyPI's llama-cpp-python carries, by cmake. What is there already is left as it is; what cannot be installed is named and skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const LIBRARIES = ['fastembed==0.9.1', 'sentence-transformers==3.4.1'];
// Later versions of these four no longer fit it.
const INFINITY = ['infinity-emb[server,torch,optimum]==0.0.77', 'optimum==1.24.0', 'transformers==4.48.3', 'click==8.1.8', 'typer==0.12.5'];
const LLAMA = 'llama-cpp-python==0.3.36';
const CMAKE_FLAGS = [
  '-DCMAKE_BUILD_TYPE=Release',
  '-DLLAMA_CURL=OFF',
  '-DLLAMA_OPENSSL=OFF',
  '-DLLAMA_BUILD_TESTS=OFF',
  '-DLLAMA_BUILD_EXAMPLES=OFF',
  '-DLLAMA_BUILD_UI=OFF',
];

/** Paths of what is installed in `folder`; undefined where something could not be had. */
export function installPeers(folder) {
  const root = resolve(folder);
  mkdirSync(root, { recursive: true });
  const python = join(root, 'venv', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  step('virtual environment', existsSync(python), () => run('python3', ['-m', 'venv', join(root, 'venv')]));
  const pip = (name, packages) =>
    step(name, existsSync(join(root, `${name}.done`)), () => {
      run(python, ['-m', 'pip', 'install', '--quiet', ...packages]);
      writeFileSync(join(root, `${name}.done`), '');
    });
  // Infinity first: it decides which versions of torch and transformers fit it.
  const infinity = pip('infinity-emb', INFINITY);
  const libraries = pip('libraries', LIBRARIES);
  const llama = installLlama(root, python);
  return { python: libraries ? python : undefined, infinity: infinity ? python : undefined, ...llama };
}

function installLlama(root, python) {
  const server = join(root, 'llama-build', 'bin', 'llama-server');
  const source = join(root, 'llama-source');
  const built = step('llama-server', existsSync(server), () => {
    rmSync(source, { recursive: true, force: true });
    mkdirSync(source, { recursive: true });
    run(python, ['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-binary', 'llama-cpp-python', '--dest', source, LLAMA]);
    run('tar', ['-xzf', join(source, readdirSync(source)[0]), '-C', source, '--strip-components', '1']);
    run('cmake', ['-S', join(source, 'vendor', 'llama.cpp'), '-B', join(root, 'llama-build'), ...CMAKE_FLAGS]);
    run('cmake', ['--build', join(root, 'llama-build'), '--target', 'llama-server', '--parallel', '2']);
  });
  return built ? { llamaServer: server, llamaSource: join(source, 'vendor', 'llama.cpp') } : {};
}

/** The model as GGUF in half precision, made by llama.cpp's own script from the folder of weights. */
export function makeGguf({ python, llamaSource }, weights, target) {
  return step('GGUF file', existsSync(target), () => {
    run(python, ['-m', 'pip', 'install', '--quiet', 'gguf']);
    run(python, [join(llamaSource, 'convert_hf_to_gguf.py'), weights, '--outtype', 'f16', '--outfile', target]);
  });
}

function step(name, isDone, work) {
  if (isDone) return true;
  console.error(`peers: installing ${name} …`);
  try {
    work();
    return true;
  } catch (error) {
    console.error(`peers: ${name} could not be installed: ${error.message}`);
    return false;
  }
}

function run(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 2 ** 28 });
  if (result.status === 0) return;
  const said = (result.error?.message ?? result.stderr).trim().split('\n').slice(-3).join(' ');
  throw new Error(`${command} ${args.slice(0, 3).join(' ')} … failed: ${said}`);
}
