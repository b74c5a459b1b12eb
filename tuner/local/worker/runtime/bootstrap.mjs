// Runs a Node.js handler as Lambda's runtime does: loads it once, then serves invocations of the Runtime API.
// Stands alone. Where the function brings AWS's own runtime client (aws-lambda-ric), that one serves.
// What ends an invocation, and how, follows that client and the Lambda developer guide ("Define Lambda function handler in Node.js").
import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import util from 'node:util';

const PREFIX = '/2018-06-01/runtime/';
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const NEVER_SETTLED =
  'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled.';
const OWN_FOLDER = new URL('.', import.meta.url).href;
const root = process.env.LAMBDA_TASK_ROOT;
process.chdir(root);
const { _TUNER_EXCLUDED: excluded, _TUNER_CHECKOUT: checkout } = process.env;
delete process.env._TUNER_EXCLUDED;
delete process.env._TUNER_CHECKOUT;
if (!process.env.NODE_PATH) { // Lambda's own ends with the function's folder (developer guide, "Deploy Node.js functions")
  process.env.NODE_PATH = root;
  Module._initPaths();
}
if (excluded) (await import('./guard.mjs')).refuseModules(excluded, checkout, root);
const require = createRequire(path.join(root, 'bootstrap.js'));

/** The client's side of the Runtime API: one connection, one request at a time. It keeps the process alive while it waits. */
class RuntimeApi {
  #socket;
  #unread = Buffer.alloc(0);
  #resolve = null;

  constructor(address) {
    const [host, port] = address.split(':');
    this.#socket = net.connect({ host, port: Number(port), noDelay: true });
    this.#socket.on('data', (data) => this.#take(data));
    this.#socket.on('error', () => process.exit(1));
    this.#socket.on('close', () => process.exit(1));
  }

  async next() {
    const { headers, body } = await this.request('GET', 'invocation/next');
    return { headers, body: body.toString() };
  }

  request(method, target, body = '', headers = {}) {
    const content = Buffer.from(body);
    this.#socket.write(Buffer.concat([head(method, target, { ...headers, 'Content-Length': content.length }), content]));
    return this.reply();
  }

  begin(target, headers) {
    this.#socket.ref();
    this.#socket.write(head('POST', target, { ...headers, 'Transfer-Encoding': 'chunked' }));
  }

  write(data, done) {
    this.#socket.write(data, done);
  }

  /** The reply to what was sent. */
  reply() {
    this.#socket.ref();
    return new Promise((resolve) => { this.#resolve = resolve; });
  }

  #take(data) {
    this.#unread = this.#unread.length ? Buffer.concat([this.#unread, data]) : data;
    const end = this.#unread.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = this.#unread.subarray(0, end).toString('latin1').split('\r\n').slice(1);
    const headers = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }));
    const whole = end + 4 + Number(headers['content-length'] ?? 0);
    if (this.#unread.length < whole) return;
    const body = this.#unread.subarray(end + 4, whole);
    this.#unread = this.#unread.subarray(whole);
    this.#socket.unref(); // what the function leaves in the event loop decides alone whether it is empty
    this.#resolve?.({ headers, body });
  }
}

const head = (method, target, headers) => {
  const lines = Object.entries({ Host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${PREFIX}${target} HTTP/1.1\r\n${lines.join('')}\r\n`);
};

/** An error of the runtime itself. */
const fault = (type, message) => Object.assign(new Error(message), { name: `Runtime.${type}` });
const isError = (value) =>
  util.types.isNativeError(value) || ['name', 'message', 'stack'].every((field) => value?.[field] && typeof value[field] === 'string');

/** An error document. What is thrown and is no Error keeps its type. The runtime's own frames are left out. */
function documentOf(error) {
  try {
    if (!isError(error)) return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
    const trace = error.stack.split('\n').filter((line) => !line.includes(OWN_FOLDER));
    return { errorType: error.name, errorMessage: error.message, trace };
  } catch {
    const errorMessage = 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack';
    return { errorType: 'handled', errorMessage };
  }
}

let invocationId;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
function patchConsole() {
  const asJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
  const least = Math.max(0, LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toLowerCase()));
  const line = (level, values) => {
    const timestamp = new Date().toISOString();
    if (!asJson) return `${timestamp}\t${invocationId}\t${level}\t${util.format(...values)}`;
    const message = values.length === 1 ? values[0] : util.format(...values);
    try {
      return JSON.stringify({ timestamp, level, requestId: invocationId, message });
    } catch {
      return JSON.stringify({ timestamp, level, requestId: invocationId, message: util.format(message) });
    }
  };
  LEVELS.forEach((name, number) => {
    const write = (...values) => process.stdout.write(`${line(name.toUpperCase(), values).replace(/\n/g, '\r')}\n`);
    console[name] = number < least ? () => {} : write;
  });
  console.log = console.info;
}

function logError(kind, error) {
  const { errorType, errorMessage, trace } = documentOf(error);
  console.error(kind, `\t${JSON.stringify({ errorType, errorMessage, ...(error?.code ? { code: error.code } : {}), stack: trace })}`);
}

/** A stream whose chunks are sent as they are written. */
class ResponseStream extends Writable {
  #target;
  #contentType = 'application/octet-stream';
  #begun = false;

  constructor(id, highWaterMark) {
    super({ highWaterMark, decodeStrings: true });
    this.#target = `invocation/${id}/response`;
  }

  setContentType(type) {
    if (this.#begun) throw fault('InvalidStreamingOperation', 'Cannot set content-type, too late.');
    this.#contentType = type;
  }

  write(chunk, ...rest) {
    const asIs = typeof chunk === 'string' || Buffer.isBuffer(chunk) || chunk instanceof Uint8Array;
    return super.write(asIs ? chunk : JSON.stringify(chunk), ...rest);
  }

  #begin() {
    if (this.#begun) return;
    this.#begun = true;
    const mode = { 'Lambda-Runtime-Function-Response-Mode': 'streaming', 'Content-Type': this.#contentType };
    api.begin(this.#target, { ...mode, Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body' });
    this._onBeforeFirstWrite?.((data) => this.#send(Buffer.from(data)));
  }

  #send(data, done) {
    if (data.length) api.write(Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]), done);
    else done?.();
  }

  _write(chunk, _encoding, done) {
    this.#begin();
    this.#send(chunk, done);
  }

  async _final(done) {
    this.#begin();
    const error = this.failure && documentOf(this.failure);
    const trailers = error
      ? `Lambda-Runtime-Function-Error-Type: ${error.errorType}\r\nLambda-Runtime-Function-Error-Body: ${Buffer.from(JSON.stringify(error)).toString('base64')}\r\n`
      : '';
    api.write(`0\r\n${trailers}\r\n`);
    await api.reply();
    done();
  }
}

class HttpResponseStream {
  static from(stream, prelude) {
    stream.setContentType('application/vnd.awslambda.http-integration-response');
    stream._onBeforeFirstWrite = (write) => {
      write(JSON.stringify(prelude));
      write(new Uint8Array(8));
    };
    return stream;
  }
}

globalThis.awslambda = {
  streamifyResponse: (handler, options) => Object.assign(handler, { [STREAMING]: options ?? {} }),
  HttpResponseStream,
};

/** Whether the nearest package.json above a file makes its `.js` an ES module. */
function isModulePackage(folder) {
  const file = path.join(folder, 'package.json');
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf-8'))?.type === 'module';
    } catch {
      return false;
    }
  }
  return folder !== '/' && !folder.endsWith('/node_modules') && isModulePackage(path.dirname(folder));
}

async function loadModule(folder, name) {
  const base = path.resolve(root, folder, name);
  const asModule = isModulePackage(path.dirname(base));
  for (const [suffix, imports] of [['', false], ['.js', asModule], ['.mjs', true], ['.cjs', false]]) {
    if (fs.statSync(base + suffix, { throwIfNoEntry: false })?.isFile()) {
      return imports ? await import(pathToFileURL(base + suffix)) : require(base + suffix);
    }
  }
  return require(require.resolve(name, { paths: [root, path.resolve(root, folder)] }));
}

/** The function that `folder/module.export.path` names. */
async function load(name) {
  if (name.includes('..')) throw fault('MalformedHandlerName', `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  const last = path.basename(name);
  const [, module, exported] = last.match(/^([^.]*)\.(.*)$/) ?? [];
  if (!module) throw fault('MalformedHandlerName', 'Bad handler');
  let loaded;
  try {
    loaded = await loadModule(name.slice(0, name.indexOf(last)), module);
  } catch (error) {
    if (error instanceof SyntaxError) throw fault('UserCodeSyntaxError', String(error));
    if (['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(error?.code)) throw fault('ImportModuleError', String(error));
    throw error;
  }
  const handler = exported.split('.').reduce((value, key) => value && value[key], loaded);
  if (!handler) throw fault('HandlerNotFound', `${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw fault('HandlerNotFound', `${name} is not a function`);
  return handler;
}

function contextOf(headers) {
  const { env } = process;
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: undefined,
    identity: undefined,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

/** What is done when the event loop is empty. */
let whenIdle = () => {};
/** Tells the error that nobody caught; ends the process. */
let postUncaught = (error) => postInitError(error);

const postError = (id, error) => {
  const document = documentOf(error);
  return api.request('POST', `invocation/${id}/error`, JSON.stringify(document), headersOf(document));
};
const headersOf = ({ errorType }) => ({
  'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': String(errorType).replace(/[^\x20-\x7e]/g, '?'),
});
const postInitError = (error) => {
  const document = documentOf(error);
  return api.request('POST', 'init/error', JSON.stringify(document), headersOf(document));
};

function stringify(value) {
  try {
    return JSON.stringify(value === undefined ? null : value);
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

/** Calls the handler, and resolves when the invocation was answered. */
function run(handler, id, event, headers) {
  return new Promise((resolve) => {
    const context = contextOf(headers);
    let finished = false;
    const once = (act) => (...values) => {
      if (finished) return;
      act(...values);
      finished = true;
    };
    const succeed = (value) => {
      const text = stringify(value);
      whenIdle = () => {};
      api.request('POST', `invocation/${id}/response`, text, { 'Content-Type': 'application/json' }).then(resolve);
    };
    const fail = (error) => {
      whenIdle = () => {};
      logError('Invoke Error', error);
      postError(id, error).then(resolve);
    };
    const done = (error, value) => (error === undefined || error === null ? succeed(value) : fail(error));
    const callback = once((error, value) => {
      if (error !== undefined && error !== null) fail(error);
      else if (!context.callbackWaitsForEmptyEventLoop) succeed(value);
      else whenIdle = () => setImmediate(() => succeed(value));
    });
    context.done = once(done);
    context.succeed = once((value) => done(null, value));
    context.fail = once((error) => done(error ?? 'handled'));
    whenIdle = () => succeed(null);
    try {
      const result = handler(JSON.parse(event), context, callback);
      if (typeof result?.then === 'function') {
        whenIdle = () => exitUnsettled(id);
        result.then(context.succeed, context.fail).catch(context.fail);
      }
    } catch (error) {
      callback(error);
    }
  });
}

/** Calls a handler that answers by a stream. */
async function runStreaming(handler, id, event, headers) {
  const stream = new ResponseStream(id, handler[STREAMING].highWaterMark);
  const failWith = (error) => {
    logError('Invoke Error', error);
    stream.failure = error;
    return new Promise((resolve) => (stream.writableEnded ? resolve() : stream.end(resolve)));
  };
  try {
    whenIdle = () => exitUnsettled(id);
    const result = handler(JSON.parse(event), stream, contextOf(headers));
    if (typeof result?.then !== 'function') return await failWith('Streaming does not support non-async handlers.');
    if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.');
    if (!stream.writableEnded) return await failWith('Response stream is not finished.');
    if (!stream.writableFinished) await new Promise((resolve) => stream.once('finish', resolve));
  } catch (error) {
    await failWith(error);
  }
}

async function exitUnsettled(id) {
  await postError(id, fault('NodeJsExit', NEVER_SETTLED));
  process.exit(1);
}

async function serve(handler) {
  const call = handler[STREAMING] ? runStreaming : run;
  for (;;) {
    const { headers, body } = await api.next();
    const id = (invocationId = headers['lambda-runtime-aws-request-id']);
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
    postUncaught = (error) => postError(id, error);
    await call(handler, id, body, headers);
    await new Promise(setImmediate);
  }
}

/** Tells an error that nobody caught, and ends the process: also where the function broke what telling needs. */
async function crash(kind, error, status) {
  try {
    logError(kind, error);
    await postUncaught(error);
  } finally {
    process.exit(status);
  }
}

const client = (() => {
  try {
    return require.resolve('aws-lambda-ric');
  } catch {
    return null;
  }
})();
if (client) {
  const { run: serveByClient } = await import(pathToFileURL(client));
  await serveByClient(root, process.env._HANDLER);
} else {
  patchConsole();
  process.on('beforeExit', () => whenIdle());
  process.on('uncaughtException', (error) => crash('Uncaught Exception', error, 129));
  process.on('unhandledRejection', (reason) =>
    crash('Unhandled Promise Rejection', fault('UnhandledPromiseRejection', reason instanceof Error ? String(reason) : util.format(reason)), 128));
}
const api = client ? null : new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API);
if (api) {
  try {
    serve(await load(process.env._HANDLER));
  } catch (error) {
    logError('Init Error', error);
    await postInitError(error);
    process.exit(1);
  }
}
