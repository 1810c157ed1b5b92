package docs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// level is a command with its whole name ("admin create") and the flags that it takes, also those of the program.
type level struct {
	Command
	path  string // empty for the program itself
	flags []Flag
}

// levels returns the program and all its commands.
func levels(p Program) []level {
	var all []level
	var add func(c Command, path string, flags []Flag)
	add = func(c Command, path string, flags []Flag) {
		own := slices.Clone(c.Flags)
		for _, f := range flags {
			if !slices.ContainsFunc(c.Flags, func(of Flag) bool { return of.Name == f.Name }) {
				own = append(own, f)
			}
		}
		flags = own
		all = append(all, level{c, path, flags})
		for _, child := range c.Commands {
			add(child, strings.TrimSpace(path+" "+child.Name), flags)
		}
	}
	add(p.Root, "", nil)
	return all
}

// commandPatterns returns, for a case of a shell, each command as the name of the one above it and its own, such as "admin create".
func commandPatterns(all []level) []string {
	var patterns []string
	for _, l := range all {
		for _, child := range l.Commands {
			patterns = append(patterns, "'"+l.path+" "+child.Name+"'")
		}
	}
	return patterns
}

// valueFlags returns the flags that take a value, of all commands.
func valueFlags(all []level) []string {
	var names []string
	for _, l := range all {
		for _, f := range l.flags {
			if f.Value && !slices.Contains(names, "--"+f.Name) {
				names = append(names, "--"+f.Name)
			}
		}
	}
	return names
}

// function returns the name of the program as shells allow it in names of functions.
func function(p Program) string { return "_" + strings.ReplaceAll(p.Name, "-", "_") }

// quote quotes a text for bash and zsh.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// quoteFish quotes a text for fish.
func quoteFish(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

// bash returns a script that needs bash 4 and no package bash-completion. Bash ends words at "=", so a flag and its value are two
// words with "=" between them.
func bash(p Program) []byte {
	var b bytes.Buffer
	all, name := levels(p), function(p)
	fmt.Fprintf(&b, `# Completion of %s for bash.
%s() {
	local cur=${COMP_WORDS[COMP_CWORD]} command= flag= words= files= word i
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = ]]; then continue; fi
		if [[ -n $flag ]]; then flag=; continue; fi
		case $word in
		%s) flag=$word ;;
		-*) ;;
		*)
			case "$command $word" in
			%s) command=${command:+$command }$word ;;
			esac
			;;
		esac
	done
	if [[ $cur == = ]]; then cur=; fi
	case "$command:$flag" in
`, p.Name, name, strings.Join(valueFlags(all), " | "), strings.Join(commandPatterns(all), " | "))
	for _, l := range all {
		for _, f := range l.flags {
			if len(f.Values) > 0 || f.Files {
				fmt.Fprintf(&b, "\t'%s:--%s') words='%s' files=%s ;;\n", l.path, f.Name, strings.Join(f.Values, " "), yes(f.Files))
			}
		}
		var words []string
		for _, child := range l.Commands {
			words = append(words, child.Name)
		}
		for _, f := range l.flags {
			words = append(words, "--"+f.Name)
		}
		fmt.Fprintf(&b, "\t'%s:') words='%s' files=%s ;;\n", l.path, strings.Join(words, " "), yes(l.Files))
	}
	fmt.Fprintf(&b, `	esac
	if [[ -n $files && $cur != -* ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	fi
}
complete -F %s %s
`, name, p.Name)
	return b.Bytes()
}

// yes is true in a variable of bash.
func yes(is bool) string {
	if is {
		return "1"
	}
	return ""
}

// zsh returns a script with a function for each command. The descriptions are in the language that the program itself would choose.
func zsh(p Program) []byte {
	var b bytes.Buffer
	name := "_" + p.Name // zsh loads the file as the function of its name
	fmt.Fprintf(&b, `#compdef %[1]s
# Completion of %[1]s for zsh.
%[2]s_text() {
	if [[ ${(L)${LC_ALL:-${LC_MESSAGES:-$LANG}}} == en(|[-_.@]*) ]]; then print -r -- "$1"; else print -r -- "$2"; fi
}
`, p.Name, name)
	text := func(t Text) string {
		return fmt.Sprintf(`$(%s_text %s %s)`, name, quote(zshPlain.Replace(t.English)), quote(zshPlain.Replace(t.Russian)))
	}
	all := levels(p)
	for _, l := range slices.Backward(all) { // the program's own function is the last: the first call of the script ends with it
		fmt.Fprintf(&b, "%s() {\n\tlocal context state line\n\tlocal -a commands\n\ttypeset -A opt_args\n\t_arguments -C", zshFunction(name, l.path))
		for _, f := range l.flags {
			spec := fmt.Sprintf(`"--%s[%s]`, f.Name, text(f.Help))
			if f.Value {
				spec = fmt.Sprintf(`"--%s=[%s]:%s:`, f.Name, text(f.Help), f.Name)
			}
			switch {
			case f.Files:
				spec += "_files"
			case len(f.Values) > 0:
				spec += "(" + strings.Join(f.Values, " ") + ")"
			}
			fmt.Fprintf(&b, " \\\n\t\t%s\"", spec)
		}
		if len(l.Commands) == 0 {
			if l.Files {
				b.WriteString(" \\\n\t\t'*:file:_files'")
			}
			b.WriteString("\n}\n")
			continue
		}
		b.WriteString(" \\\n\t\t'1:command:->command' '*::argument:->argument'\n\tcase $state in\n\tcommand)\n\t\tcommands=(")
		for _, child := range l.Commands {
			fmt.Fprintf(&b, "\n\t\t\t\"%s:%s\"", child.Name, text(child.Help))
		}
		b.WriteString("\n\t\t)\n\t\t_describe command commands\n\t\t;;\n\targument)\n\t\tcase $line[1] in\n")
		for _, child := range l.Commands {
			fmt.Fprintf(&b, "\t\t%s) %s ;;\n", child.Name, zshFunction(name, strings.TrimSpace(l.path+" "+child.Name)))
		}
		b.WriteString("\t\tesac\n\t\t;;\n\tesac\n}\n")
	}
	fmt.Fprintf(&b, "if [[ $funcstack[1] == %[1]s ]]; then %[1]s \"$@\"; else compdef %[1]s %[2]s; fi\n", name, p.Name)
	return b.Bytes()
}

// zshPlain drops what has a meaning in the descriptions of _arguments and _describe.
var zshPlain = strings.NewReplacer("[", "(", "]", ")", ":", `\:`)

func zshFunction(name, path string) string {
	if path == "" {
		return name
	}
	return name + "__" + strings.NewReplacer(" ", "_", "-", "_").Replace(path)
}

// fish returns a script with one line for each command and flag. The descriptions are in the language that the program itself would
// choose.
func fish(p Program) []byte {
	var b bytes.Buffer
	all, name := levels(p), "_"+function(p)
	fmt.Fprintf(&b, `# Completion of %[1]s for fish.
function %[2]s_text
    set -l locale (string match -v '' -- $LC_ALL $LC_MESSAGES $LANG C)
    if string match -qir '^en([-_.@]|$)' -- "$locale[1]"
        echo $argv[1]
    else
        echo $argv[2]
    end
end
function %[2]s_at
    set -l command
    set -l value 0
    for word in (commandline -opc)[2..]
        if test $value = 1
            set value 0
            continue
        end
        switch $word
            case %[3]s
                set value 1
            case '-*'
            case '*'
                switch "$command $word"
                    case %[4]s
                        set command (string trim -- "$command $word")
                end
        end
    end
    test "$command" = "$argv[1]"
end
complete -c %[1]s -f
`, p.Name, name, strings.Join(valueFlags(all), " "), strings.Join(commandPatterns(all), " "))
	text := func(t Text) string {
		return fmt.Sprintf("(%s_text %s %s)", name, quoteFish(t.English), quoteFish(t.Russian))
	}
	for _, l := range all {
		at := fmt.Sprintf("complete -c %s -n \"%s_at '%s'\"", p.Name, name, l.path)
		for _, child := range l.Commands {
			fmt.Fprintf(&b, "%s -a %s -d %s\n", at, child.Name, text(child.Help))
		}
		if l.Files {
			fmt.Fprintf(&b, "%s -F\n", at)
		}
		for _, f := range l.flags {
			more := ""
			switch {
			case f.Files:
				more = " -r -F"
			case f.Value:
				more = " -x"
			}
			if len(f.Values) > 0 {
				more += fmt.Sprintf(" -a '%s'", strings.Join(f.Values, " "))
			}
			fmt.Fprintf(&b, "%s -l %s%s -d %s\n", at, f.Name, more, text(f.Help))
		}
	}
	return b.Bytes()
}
