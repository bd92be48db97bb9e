import { Command, CommanderError, Option } from 'commander';
import { createColors } from 'picocolors';
import about from '../../package.json' with { type: 'json' };
import { ApiClient } from './client.ts';
import { describe } from './describe.ts';
import { CliError } from './errors.ts';
import { explain } from './explain.ts';
import { get } from './get.ts';
import { plan } from './plan.ts';
import type { Terminal } from './terminal.ts';
import { trace } from './trace.ts';
import { validate } from './validate.ts';

const DEFAULT_SOCKET = '/run/prol2tp/prol2tpd.sock';

/** Runs one command line, without the program's name, and gives its exit code. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let code = 0;
  try {
    await commands(terminal, (exitCode) => {
      code = exitCode;
    }).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (!(error instanceof CliError)) throw error;
    terminal.err(`${createColors(terminal.colour).red('error:')} ${error.message}\n`);
    return 1;
  }
  return code;
}

function commands(terminal: Terminal, exit: (code: number) => void): Command {
  const program = new Command('prol2tp')
    .description('Shows and checks what a prol2tpd does and what it is declared to do.')
    .version(about.version)
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err, getOutHasColors: () => terminal.colour })
    .option('--socket <path>', 'control socket of the daemon', terminal.env.PROL2TP_SOCKET ?? DEFAULT_SOCKET);
  const client = () => new ApiClient(program.opts<{ socket: string }>().socket);

  program
    .command('get')
    .description(
      'list tunnels, sessions, gateway, pppoeservers, pppoesessions, pools, events or errors; or show one by name',
    )
    .argument('<kind>')
    .argument('[name]')
    .addOption(outputOption('table', 'wide', 'json', 'yaml'))
    .option('-w, --watch', 'go on and show every change', false)
    .action(async (kind, name, options) => exit(await get(client(), terminal, kind, name, options)));
  program
    .command('describe')
    .description('show everything about one tunnel, session, PPPoE server or pool, or about the gateway')
    .argument('<kind>', 'tunnel, session, pppoeserver, pool or gateway')
    .argument('[name]', 'not needed for the gateway')
    .action(async (kind, name) => exit(await describe(client(), terminal, kind, name)));
  program
    .command('explain')
    .description('show every value in force for one resource, and where it comes from')
    .argument('<kind>', 'tunnel, session, pppoeserver or gateway')
    .argument('<name>')
    .addOption(outputOption('table', 'json'))
    .action(async (kind, name, options) => exit(await explain(client(), terminal, kind, name, options)));
  program
    .command('validate')
    .description('check the YAML files of a directory; needs no daemon')
    .argument('<dir>')
    .action(async (dir) => exit(await validate(terminal, dir)));
  program
    .command('plan')
    .description('show what the daemon would do if a directory were what is declared; exit code 2: something')
    .argument('<dir>')
    .addOption(outputOption('table', 'json'))
    .action(async (dir, options) => exit(await plan(client(), terminal, dir, options)));
  program
    .command('trace')
    .description('show what a tunnel, a session or the whole daemon does, as it happens, until interrupted')
    .argument('<kind>', 'tunnel, session or system')
    .argument('[name]')
    .option('--categories <list>', 'some of protocol,fsm,api,avpInfo,avpHide,avpData,transport,data,system,ppp')
    .option('--pcapng <file>', 'capture the control messages into this file instead')
    .option('--max-packets <count>', 'how many packets a capture has at most', '100000')
    .addOption(outputOption('text', 'json'))
    .action(async (kind, name, options) => exit(await trace(client(), terminal, kind, name, options)));
  return program;
}

function outputOption(...choices: string[]): Option {
  return new Option('-o, --output <format>', 'how to print').choices(choices).default(choices[0]);
}
