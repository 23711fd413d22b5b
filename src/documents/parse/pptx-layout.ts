import type { OfficePackage, Relationship } from './office-package.ts';
import { child, children, descendants, type XmlElement } from './office-xml.ts';

/** What a shape takes over from the layout and the master of its slide. */
export interface Inherited {
  /** Its place (`a:xfrm`), where a layout gives one. */
  readonly place?: XmlElement;
  /** Styles of its levels, the nearest first. */
  readonly styles: readonly XmlElement[];
}

/** Layouts of a presentation, each read once. */
export class PptxLayouts {
  readonly #file: OfficePackage;
  readonly #defaults: readonly XmlElement[];
  readonly #layouts = new Map<string, Promise<PptxLayout>>();

  constructor(file: OfficePackage, presentation: XmlElement) {
    this.#file = file;
    this.#defaults = present(child(presentation, 'p:defaultTextStyle'));
  }

  /** The layout that a slide refers to; an empty one where it refers to none that can be read. */
  async of(slide: readonly Relationship[]): Promise<PptxLayout> {
    const name = targetOf(slide, 'slideLayout') ?? '';
    const known = this.#layouts.get(name) ?? this.#load(name);
    this.#layouts.set(name, known);
    return await known;
  }

  async #load(name: string): Promise<PptxLayout> {
    const layout = await this.#file.optionalXml(name);
    const relationships = layout === undefined ? [] : await this.#file.relationships(name);
    return new PptxLayout(layout, await this.#file.optionalXml(targetOf(relationships, 'slideMaster')), this.#defaults);
  }
}

/** A layout with its master. */
export class PptxLayout {
  readonly #layout: readonly XmlElement[];
  readonly #master: readonly XmlElement[];
  readonly #styles: XmlElement | undefined;
  readonly #defaults: readonly XmlElement[];

  constructor(layout: XmlElement | undefined, master: XmlElement | undefined, defaults: readonly XmlElement[]) {
    this.#layout = descendants(layout, 'p:sp');
    this.#master = descendants(master, 'p:sp');
    this.#styles = child(master, 'p:txStyles');
    this.#defaults = defaults;
  }

  /** `placeholder`: `p:ph` of the shape; absent for shapes that stand for themselves. */
  inherited(placeholder: XmlElement | undefined): Inherited {
    if (placeholder === undefined) return { styles: [...present(child(this.#styles, 'p:otherStyle')), ...this.#defaults] };
    const { type = 'obj', idx } = placeholder.attributes;
    const kind = masterKind(type);
    const inLayout =
      this.#layout.find((shape) => idx !== undefined && placeholderOf(shape)?.attributes['idx'] === idx) ??
      this.#layout.find(
        (shape) => masterKind(placeholderOf(shape)?.attributes['type'] ?? 'obj') === kind && placeholderOf(shape) !== undefined,
      );
    const inMaster = this.#master.find((shape) => placeholderOf(shape) !== undefined && masterKind(typeOf(shape)) === kind);
    const above = [inLayout, inMaster];
    const place = above.map((shape) => child(shape, 'p:spPr', 'a:xfrm')).find((one) => one !== undefined);
    const own = kind === 'title' ? 'p:titleStyle' : kind === 'body' ? 'p:bodyStyle' : 'p:otherStyle';
    const styles = [...above.map((shape) => child(shape, 'p:txBody', 'a:lstStyle')), child(this.#styles, own)];
    return { ...(place !== undefined && { place }), styles: [...styles.flatMap(present), ...this.#defaults] };
  }
}

/** `p:ph` of a shape, a picture or a frame. */
export function placeholderOf(shape: XmlElement): XmlElement | undefined {
  const properties = children(shape).find(({ name }) => name.startsWith('p:nv'));
  return child(properties, 'p:nvPr', 'p:ph');
}

function typeOf(shape: XmlElement): string {
  return placeholderOf(shape)?.attributes['type'] ?? 'obj';
}

/** The few kinds that masters have placeholders of. */
function masterKind(type: string): string {
  if (type === 'title' || type === 'ctrTitle') return 'title';
  return ['dt', 'ftr', 'hdr', 'sldNum'].includes(type) ? type : 'body';
}

function targetOf(relationships: readonly Relationship[], type: string): string | undefined {
  return relationships.find((one) => one.type === type && !one.isExternal)?.target;
}

function present(element: XmlElement | undefined): readonly XmlElement[] {
  return element === undefined ? [] : [element];
}
