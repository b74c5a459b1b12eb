// Runs a Node.js handler as Lambda's runtime does: loads it once, then answers requests from a pipe.
// Stands alone. Requests and answers are a JSON line with the length `n` of the body that follows.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

const { readFd, writeFd, responseLimit, moduleFile } = JSON.parse(process.env._TUNER_WORKER);
delete process.env._TUNER_WORKER;
const root = process.env.LAMBDA_TASK_ROOT;
process.chdir(root);

/** The context object of a Node.js handler (Lambda developer guide). */
function contextOf(request) {
  const env = process.env;
  return {
    awsRequestId: request.id,
    invokedFunctionArn: request.arn,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, Math.trunc(request.deadlineMs - Date.now())),
  };
}

/** Reads exactly `n` more bytes into what was read before; false when the tuner is gone. */
let unread = Buffer.alloc(0);
function fill() {
  const chunk = Buffer.allocUnsafe(65536);
  const n = fs.readSync(readFd, chunk);
  if (n > 0) unread = Buffer.concat([unread, chunk.subarray(0, n)]);
  return n > 0;
}

/** Waits for the next request. The wait blocks: between invocations nothing of the function runs, as in Lambda. */
function receive() {
  let end;
  while ((end = unread.indexOf(10)) < 0) if (!fill()) return null;
  const request = JSON.parse(unread.subarray(0, end));
  unread = unread.subarray(end + 1);
  while (unread.length < request.n) if (!fill()) return null;
  const body = unread.subarray(0, request.n);
  unread = unread.subarray(request.n);
  return { request, body };
}

function send(head, text = '') {
  const body = Buffer.from(text);
  const message = Buffer.concat([Buffer.from(JSON.stringify({ ...head, n: body.length }) + '\n'), body]);
  for (let sent = 0; sent < message.length; ) sent += fs.writeSync(writeFd, message, sent);
}

const fault = (errorType, errorMessage, trace = []) => ({ errorType, errorMessage, trace });
const stackOf = (error) => String(error.stack ?? '').split('\n').filter((line) => !line.includes(import.meta.url));
const faultOf = (error) =>
  error instanceof Error
    ? fault(String(error.name), String(error.message), stackOf(error))
    : fault('Error', typeof error === 'string' ? error : JSON.stringify(error) ?? String(error));

let invocation = null;
const prefix = (level) => `${new Date().toISOString()}\t${invocation?.id ?? ''}\t${level}\t`;
function logError(kind, error) {
  const document = { errorType: error.errorType, errorMessage: error.errorMessage, stack: error.trace };
  process.stderr.write(`${prefix('ERROR')}${kind} \t${JSON.stringify(document)}\n`);
}

// As Lambda does, the console writes time, request id and level before each message.
for (const [method, level] of Object.entries({ log: 'INFO', info: 'INFO', debug: 'DEBUG', warn: 'WARN', error: 'ERROR', trace: 'TRACE' })) {
  console[method] = (...values) => process.stdout.write(`${prefix(level)}${format(...values)}\n`);
}

/** Splits `dir/index.a.b` into the module `dir/index` and the export path [`a`, `b`]. */
function parse(name) {
  const dot = name.indexOf('.', name.lastIndexOf('/') + 1);
  return dot < 0 ? [name, []] : [name.slice(0, dot), name.slice(dot + 1).split('.')];
}

function findModule(name) {
  const candidates = moduleFile ? [moduleFile] : ['', '.js', '.mjs', '.cjs'].map((extension) => name + extension);
  return candidates
    .map((candidate) => path.resolve(root, candidate))
    .find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile());
}

/** Loads the handler: [handler, null] or [null, error]. */
async function load() {
  const name = process.env._HANDLER;
  const [moduleName, exportPath] = parse(name);
  if (!exportPath.length) return [null, fault('Runtime.MalformedHandlerName', `Bad handler ${name}`)];
  const file = findModule(moduleName);
  if (!file) return [null, fault('Runtime.ImportModuleError', `Error: Cannot find module '${moduleName}'`)];
  let loaded;
  try {
    loaded = await import(pathToFileURL(file));
  } catch (error) {
    if (error instanceof SyntaxError) {
      return [null, fault('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`, stackOf(error))];
    }
    const missing = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(error?.code);
    const found = faultOf(error);
    return [null, missing ? { ...found, errorType: 'Runtime.ImportModuleError', errorMessage: `Error: ${found.errorMessage}` } : found];
  }
  const pick = (from) => exportPath.reduce((value, key) => value?.[key], from);
  const handler = pick(loaded) ?? pick(loaded.default);
  if (handler === undefined) return [null, fault('Runtime.HandlerNotFound', `${name} is undefined or not exported`)];
  if (typeof handler !== 'function') return [null, fault('Runtime.HandlerNotFound', `${name} is not a function`)];
  return [handler, null];
}

/** Calls the handler. A callback waits for the event loop to empty unless the context says otherwise. */
let settleWhenIdle = null;
function call(handler, event, context) {
  return new Promise((resolve, reject) => {
    let result = null;
    settleWhenIdle = () => resolve(result);
    const callback = (error, value) => {
      if (error) return reject(error);
      result = value;
      if (!context.callbackWaitsForEmptyEventLoop) resolve(value);
    };
    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') returned.then(resolve, reject);
    else if (handler.length < 3) resolve(returned);
  }).finally(() => { settleWhenIdle = null; });
}

async function run(request, body) {
  try {
    const value = await call(handler, request.n ? JSON.parse(body) : {}, contextOf(request));
    let text;
    try {
      text = JSON.stringify(value === undefined ? null : value);
    } catch (error) {
      return { error: fault('Runtime.MarshalError', `Unable to stringify response body: ${error.message}`) };
    }
    if (Buffer.byteLength(text) <= responseLimit) return { text };
    const message = `Response payload size exceeded maximum allowed payload size (${responseLimit} bytes).`;
    return { error: { errorType: 'Function.ResponseSizeTooLarge', errorMessage: message } };
  } catch (error) {
    const found = faultOf(error);
    logError('Invoke Error', found);
    return { error: found };
  }
}

async function serveNext() {
  const message = receive();
  if (message === null) process.exit(0);
  const { request, body } = message;
  invocation = { began: performance.now(), used: process.cpuUsage(), id: request.id };
  const { text, error } = initError ? { error: initError } : await run(request, body);
  answer(error, text);
  setImmediate(serveNext);
}

function answer(error, text, exits = false) {
  const cpu = process.cpuUsage(invocation.used);
  const head = { error: Boolean(error), exits, durationMs: performance.now() - invocation.began, cpuMs: (cpu.user + cpu.system) / 1000 };
  invocation = null;
  send(head, error ? JSON.stringify(error) : text);
}

/** What nobody caught ends the process, after the invocation has got its error. */
function crash(kind, error, status) {
  logError(kind, error);
  if (invocation) answer(error, '', true);
  process.exit(status);
}

process.on('beforeExit', () => settleWhenIdle?.());
process.on('uncaughtException', (error) => crash('Uncaught Exception', faultOf(error), 129));
process.on('unhandledRejection', (reason) => {
  const error = faultOf(reason);
  const message = `${error.errorType}: ${error.errorMessage}`;
  crash('Unhandled Promise Rejection', fault('Runtime.UnhandledPromiseRejection', message, error.trace), 128);
});
const [handler, initError] = await load();
if (initError) logError('Init Error', initError);
send({ initMs: performance.now(), error: Boolean(initError) }, initError ? JSON.stringify(initError) : '');
setImmediate(serveNext);
