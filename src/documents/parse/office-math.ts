import { child, children, isOn, textOf, type XmlElement } from './office-xml.ts';

/** An equation of Office (OMML, ISO 29500-1 22.1) as LaTeX. Elements that are not known give what is in them. */
export function officeMath(element: XmlElement): string {
  return inside(element).replaceAll(/ {2,}/g, ' ').trim();
}

function inside(element: XmlElement | undefined): string {
  return children(element).map(one).join('');
}

/** An argument in braces. */
function group(element: XmlElement | undefined): string {
  return `{${inside(element).trim()}}`;
}

type Writer = (element: XmlElement) => string;

const WRITERS: Readonly<Record<string, Writer>> = {
  'm:r': run,
  'm:f': fraction,
  'm:sSup': (element) => `${inside(child(element, 'm:e'))}^${group(child(element, 'm:sup'))}`,
  'm:sSub': (element) => `${inside(child(element, 'm:e'))}_${group(child(element, 'm:sub'))}`,
  'm:sSubSup': (element) => `${inside(child(element, 'm:e'))}_${group(child(element, 'm:sub'))}^${group(child(element, 'm:sup'))}`,
  'm:sPre': (element) => `{}_${group(child(element, 'm:sub'))}^${group(child(element, 'm:sup'))}${inside(child(element, 'm:e'))}`,
  'm:rad': radical,
  'm:nary': nary,
  'm:d': delimited,
  'm:func': (element) => `${functionName(inside(child(element, 'm:fName')))}${group(child(element, 'm:e'))}`,
  'm:limLow': (element) => `${limitBase(element)}_${group(child(element, 'm:lim'))}`,
  'm:limUpp': (element) => `${limitBase(element)}^${group(child(element, 'm:lim'))}`,
  'm:acc': (element) => `${ACCENTS[property(element, 'm:accPr', 'm:chr') ?? '\u0302'] ?? '\\hat'}${group(child(element, 'm:e'))}`,
  'm:bar': (element) => `${property(element, 'm:barPr', 'm:pos') === 'top' ? '\\overline' : '\\underline'}${group(child(element, 'm:e'))}`,
  'm:groupChr': (element) =>
    `${property(element, 'm:groupChrPr', 'm:pos') === 'top' ? '\\overbrace' : '\\underbrace'}${group(child(element, 'm:e'))}`,
  'm:m': (element) =>
    environment(
      'matrix',
      children(element, 'm:mr').map((row) => children(row, 'm:e').map(inside).join(' & ')),
    ),
  'm:eqArr': (element) => environment('aligned', children(element, 'm:e').map(inside)),
  'm:borderBox': (element) => `\\boxed${group(child(element, 'm:e'))}`,
  'm:phant': (element) => (isOn(child(element, 'm:phantPr', 'm:show')) === false ? '' : inside(child(element, 'm:e'))),
};

function one(element: XmlElement): string {
  // Properties end in "Pr" and say nothing.
  if (element.name.endsWith('Pr')) return '';
  return WRITERS[element.name]?.(element) ?? (element.name === 'w:t' ? textOf(element) : inside(element));
}

function property(element: XmlElement, properties: string, name: string): string | undefined {
  return child(element, properties, name)?.attributes['m:val'];
}

function run(element: XmlElement): string {
  const text = children(element)
    .map((part) => (part.name === 'm:t' || part.name === 'w:t' ? textOf(part) : ''))
    .join('');
  if (child(element, 'm:rPr', 'm:nor') !== undefined && /[A-Za-z]{2}/.test(text)) return `\\text{${text.replaceAll(/[{}]/g, '')}}`;
  return Array.from(text.normalize('NFKC'), (sign) => SIGNS[sign] ?? sign).join('');
}

function fraction(element: XmlElement): string {
  const over = child(element, 'm:num');
  const under = child(element, 'm:den');
  const type = property(element, 'm:fPr', 'm:type');
  if (type === 'noBar') return `\\genfrac{}{}{0pt}{}${group(over)}${group(under)}`;
  if (type === 'lin' || type === 'skw') return `${group(over)}/${group(under)}`;
  return `\\frac${group(over)}${group(under)}`;
}

function radical(element: XmlElement): string {
  const degree = inside(child(element, 'm:deg')).trim();
  return `\\sqrt${degree === '' ? '' : `[${degree}]`}${group(child(element, 'm:e'))}`;
}

function nary(element: XmlElement): string {
  const sign = property(element, 'm:naryPr', 'm:chr') ?? '∫';
  const below = inside(child(element, 'm:sub')).trim();
  const above = inside(child(element, 'm:sup')).trim();
  const limits = `${below === '' ? '' : `_{${below}}`}${above === '' ? '' : `^{${above}}`}`;
  return `${NARY[sign] ?? sign}${limits}${group(child(element, 'm:e'))}`;
}

function delimited(element: XmlElement): string {
  const sign = (name: string, usual: string): string => {
    const own = child(element, 'm:dPr', name);
    return own === undefined ? usual : (own.attributes['m:val'] ?? '');
  };
  const bracket = (text: string): string => (text === '' ? '.' : /[{}]/.test(text) ? `\\${text}` : (SIGNS[text]?.trim() ?? text));
  const parts = children(element, 'm:e').map(inside);
  return `\\left${bracket(sign('m:begChr', '('))}${parts.join(sign('m:sepChr', '|'))}\\right${bracket(sign('m:endChr', ')'))}`;
}

/** Names that LaTeX knows as functions. */
const FUNCTIONS =
  /^(?:arccos|arcsin|arctan|arg|cos|cosh|cot|coth|csc|deg|det|dim|exp|gcd|hom|inf|ker|lg|lim|ln|log|max|min|Pr|sec|sin|sinh|sup|tan|tanh)(?![a-zA-Z])/;

function functionName(name: string): string {
  const plain = name.trim();
  return FUNCTIONS.test(plain) ? `\\${plain}` : plain;
}

function limitBase(element: XmlElement): string {
  return functionName(inside(child(element, 'm:e')));
}

function environment(name: string, rows: readonly string[]): string {
  return `\\begin{${name}}${rows.join(' \\\\ ')}\\end{${name}}`;
}

const ACCENTS: Readonly<Record<string, string>> = {
  '\u0300': '\\grave',
  '\u0301': '\\acute',
  '\u0302': '\\hat',
  '\u0303': '\\tilde',
  '\u0304': '\\bar',
  '\u0305': '\\overline',
  '\u0306': '\\breve',
  '\u0307': '\\dot',
  '\u0308': '\\ddot',
  '\u030c': '\\check',
  '\u20d7': '\\vec',
};

const NARY: Readonly<Record<string, string>> = {
  '∑': '\\sum',
  '∏': '\\prod',
  '∐': '\\coprod',
  '∫': '\\int',
  '∬': '\\iint',
  '∭': '\\iiint',
  '∮': '\\oint',
  '∯': '\\oiint',
  '∰': '\\oiiint',
  '⋃': '\\bigcup',
  '⋂': '\\bigcap',
  '⋀': '\\bigwedge',
  '⋁': '\\bigvee',
};

const GREEK =
  'α:alpha β:beta γ:gamma δ:delta ε:varepsilon ϵ:epsilon ζ:zeta η:eta θ:theta ϑ:vartheta ι:iota κ:kappa λ:lambda μ:mu ν:nu ξ:xi π:pi ρ:rho σ:sigma ς:varsigma τ:tau υ:upsilon φ:varphi ϕ:phi χ:chi ψ:psi ω:omega Γ:Gamma Δ:Delta Θ:Theta Λ:Lambda Ξ:Xi Π:Pi Σ:Sigma Υ:Upsilon Φ:Phi Ψ:Psi Ω:Omega';
const OPERATORS =
  '×:times ÷:div ±:pm ∓:mp ⋅:cdot ·:cdot ∗:ast ∘:circ ≤:leq ≥:geq ≠:neq ≈:approx ≡:equiv ≅:cong ∼:sim ≪:ll ≫:gg ∝:propto ∞:infty ∂:partial ∇:nabla ∀:forall ∃:exists ∈:in ∉:notin ∋:ni ⊂:subset ⊆:subseteq ⊃:supset ⊇:supseteq ∪:cup ∩:cap ∅:emptyset ∧:wedge ∨:vee ¬:neg ⇒:Rightarrow ⇐:Leftarrow ⇔:Leftrightarrow →:rightarrow ←:leftarrow ↔:leftrightarrow ↦:mapsto …:ldots ⋯:cdots ⋮:vdots ⋱:ddots ℝ:mathbb{R} ∑:sum ∏:prod ∫:int √:surd ∠:angle ⊥:perp ∥:parallel ⌈:lceil ⌉:rceil ⌊:lfloor ⌋:rfloor ⟨:langle ⟩:rangle ‖:Vert';

/** Letters and signs with their names in LaTeX; a blank keeps the name apart from what follows. */
const SIGNS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    `${GREEK} ${OPERATORS}`.split(' ').map((pair) => {
      const [sign = '', name = ''] = pair.split(':');
      return [sign, `\\${name} `];
    }),
  ),
  '−': '-',
  '–': '-',
  '\u2061': '',
  '\u2062': '',
  '{': '\\{',
  '}': '\\}',
  '%': '\\%',
  '&': '\\&',
};
