import { Argument, type Command } from 'commander';

/** Words that may follow each command, by the words typed so far. */
function words(command: Command, path: string[] = []): Map<string, string[]> {
  const own = [
    ...command.commands.map((child) => child.name()),
    ...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    ...command.options.flatMap(({ long }) => long ?? []),
  ];
  return new Map([[path.join(' '), own], ...command.commands.flatMap((child) => [...words(child, [...path, child.name()])])]);
}

/** Words that may follow an option, by the command and the option. */
function values(command: Command, path: string[] = []): [string, string[]][] {
  const own = command.options.flatMap(({ long, argChoices }): [string, string[]][] =>
    long && argChoices ? [[`"${path.join(' ')}"*" ${long}"`, argChoices]] : [],
  );
  return [...own, ...command.commands.flatMap((child) => values(child, [...path, child.name()]))];
}

/** A script for bash or zsh that completes commands, their choices, options and what those take. */
function script(program: Command, shell: string): string {
  const cases = [...words(program)]
    .sort(([a], [b]) => b.length - a.length)
    .map(([path, following]) => `    ${path === '' ? '*' : `"${path}"*`}) words="${following.join(' ')}" ;;`)
    .join('\n');
  const choices = values(program)
    .map(([pattern, following]) => `    ${pattern}) words="${following.join(' ')}" ;;`)
    .join('\n');
  const bash = `_erpfts() {
  local typed="\${COMP_WORDS[*]:1:COMP_CWORD-1}" words
  case "$typed" in
${choices}
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _erpfts erpfts`;
  return shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${bash}` : bash;
}

export function addCompletion(program: Command, out: (text: string) => void): void {
  program
    .command('completion')
    .description('print a script that completes commands in a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .action((shell: string) => out(script(program, shell)));
}
