import { basename, extname } from 'node:path';

const BY_EXTENSION: Readonly<Record<string, string>> = {
  '.c': 'c',
  '.cc': 'cpp',
  '.cpp': 'cpp',
  '.cs': 'csharp',
  '.css': 'css',
  '.dart': 'dart',
  '.ex': 'elixir',
  '.exs': 'elixir',
  '.fs': 'fsharp',
  '.go': 'go',
  '.groovy': 'groovy',
  '.h': 'c',
  '.hpp': 'cpp',
  '.hs': 'haskell',
  '.ini': 'ini',
  '.java': 'java',
  '.jl': 'julia',
  '.js': 'javascript',
  '.cjs': 'javascript',
  '.mjs': 'javascript',
  '.jsx': 'jsx',
  '.kt': 'kotlin',
  '.kts': 'kotlin',
  '.lua': 'lua',
  '.m': 'objective-c',
  '.ml': 'ocaml',
  '.php': 'php',
  '.pl': 'perl',
  '.ps1': 'powershell',
  '.proto': 'protobuf',
  '.py': 'python',
  '.r': 'r',
  '.rb': 'ruby',
  '.rs': 'rust',
  '.scala': 'scala',
  '.sh': 'shell',
  '.bash': 'shell',
  '.sql': 'sql',
  '.svelte': 'svelte',
  '.swift': 'swift',
  '.tf': 'hcl',
  '.toml': 'toml',
  '.ts': 'typescript',
  '.mts': 'typescript',
  '.cts': 'typescript',
  '.tsx': 'tsx',
  '.vb': 'vb',
  '.vue': 'vue',
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.zig': 'zig',
};
const BY_NAME: Readonly<Record<string, string>> = {
  dockerfile: 'dockerfile',
  makefile: 'makefile',
  'cmakelists.txt': 'cmake',
  rakefile: 'ruby',
  gemfile: 'ruby',
};

/** Language of source code by its name or its first line (`#!`); undefined for what is none. */
export function languageOf(name: string | undefined, text: string): string | undefined {
  const known = name === undefined ? undefined : (BY_NAME[basename(name).toLowerCase()] ?? BY_EXTENSION[extname(name).toLowerCase()]);
  if (known !== undefined) return known;
  const interpreter = /^#!\s*\S*?([a-z]+)[\d.]*(?:\s+(?:-S\s+)?([a-z]+)[\d.]*)?\s*$/m.exec(text.split('\n', 1)[0] ?? '');
  const program = interpreter?.[1] === 'env' ? interpreter[2] : interpreter?.[1];
  return { python: 'python', node: 'javascript', bash: 'shell', sh: 'shell', zsh: 'shell', ruby: 'ruby', perl: 'perl', php: 'php' }[
    program ?? ''
  ];
}
