import type { FileRow } from '../../gateway/gateway-types.ts';
import {
  type FileObject,
  fileCreateFields,
  fileCreateSchema,
  fileDeletedSchema,
  fileListFields,
  fileListQuerySchema,
  fileListSchema,
  fileSchema,
} from '../../wire/files.ts';
import { toPage } from '../../wire/paging.ts';
import { defineFormRoute, defineRoute, form, json, noFields, nothing, optional, type Route } from '../route.ts';

const tag = 'Files';
const scope = 'documents';
const fileAnswer = { status: 200, description: 'The file.', schema: fileSchema };

const uploadFile = defineFormRoute({
  method: 'POST',
  path: '/v1/files',
  scope,
  tag,
  summary: 'Upload a file',
  description: "OpenAI's files.create: a form with the file in the field `file`. It is on the disk before it is answered.",
  body: form('file', fileCreateSchema, fileCreateFields),
  answers: [fileAnswer],
  async handle({ file, fields }, _params, { gateway, signal }) {
    const { name, mediaType, bytes } = file;
    const facts = async () => {
      const { purpose, expires_after: expiry } = (await fields()).value;
      return { purpose, ...(expiry !== undefined && { expiresAt: Date.now() + expiry.seconds * 1000 }) };
    };
    return json(toFileObject(await gateway.files.add({ name, mediaType, bytes, facts }, signal)));
  },
});

const listFiles = defineRoute({
  method: 'GET',
  path: '/v1/files',
  scope,
  tag,
  summary: 'Uploaded and ingested files',
  body: nothing,
  query: optional(fileListQuerySchema, fileListFields),
  answers: [{ status: 200, description: 'A page of files.', schema: fileListSchema }],
  async handle({ query }, { gateway }) {
    const { purpose, limit, order, after } = query;
    const page = { limit, order, ...(after !== undefined && { after }), ...(purpose !== undefined && { purpose }) };
    const { items, hasMore } = await gateway.files.list(page);
    return json(toPage(items.map(toFileObject), hasMore));
  },
});

const showFile = defineRoute({
  method: 'GET',
  path: '/v1/files/{file_id}',
  scope,
  tag,
  summary: 'One file',
  body: nothing,
  query: nothing,
  answers: [fileAnswer],
  handle: async ({ id }, { gateway }) => json(toFileObject(await gateway.files.get(id))),
});

const downloadFile = defineRoute({
  method: 'GET',
  path: '/v1/files/{file_id}/content',
  scope,
  tag,
  summary: 'Bytes of an uploaded file',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'The bytes as they were uploaded.', contentType: 'application/octet-stream' }],
  async handle({ id }, { gateway }) {
    const { file, bytes } = await gateway.files.content(id);
    // RFC 8187 leaves these out of what may stand as it is.
    const name = encodeURIComponent(file.name.toWellFormed()).replaceAll(
      /['()*]/g,
      (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    // Whatever a page uploaded: a browser that is led here saves it, and never shows it as a page of ours.
    const headers = { 'content-disposition': `attachment; filename*=UTF-8''${name}`, 'content-length': String(file.bytes) };
    return { headers, body: { kind: 'stream', chunks: bytes, contentType: 'application/octet-stream' } };
  },
});

const deleteFile = defineRoute({
  method: 'DELETE',
  path: '/v1/files/{file_id}',
  scope,
  tag,
  summary: 'Delete a file',
  description: 'Its bytes, and its passages in every vector store.',
  body: noFields,
  query: nothing,
  answers: [{ status: 200, description: 'It is gone.', schema: fileDeletedSchema }],
  async handle({ id }, { gateway }) {
    await gateway.files.remove(id);
    return json({ id, object: 'file', deleted: true });
  },
});

/** OpenAI's files. */
export const fileRoutes: readonly Route[] = [uploadFile, listFiles, showFile, downloadFile, deleteFile];

function toFileObject(file: FileRow): FileObject {
  const { id, bytes, createdAt, expiresAt, name, purpose, sha256, mediaType, origin } = file;
  return {
    id,
    object: 'file',
    bytes,
    created_at: Math.floor(createdAt / 1000),
    expires_at: expiresAt === undefined ? null : Math.floor(expiresAt / 1000),
    filename: name,
    purpose,
    status: 'processed',
    status_details: null,
    locallite: { sha256, media_type: mediaType, origin },
  };
}
