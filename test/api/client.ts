import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

/** One request; its answer is still to be read. That the server ends it early shows as its end. */
export function ask(socketPath: string, path: string, method = 'GET', body?: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method, agent: false }, (response) => {
      response.on('error', () => response.destroy());
      resolve(response);
    });
    sent.on('error', reject).end(body);
  });
}

export async function getJson(socketPath: string, path: string, method = 'GET', body?: string) {
  const response = await ask(socketPath, path, method, body);
  return { status: response.statusCode, body: JSON.parse(await text(response)) };
}

/** The JSON objects of a stream, one a line, until it ends. */
export async function* jsonLines(response: IncomingMessage) {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line);
  }
}
