package main

import (
	"fmt"

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	"github.com/muesli/roff"
)

// completions are what a shell runs to have beckon complete its own command line: the shell calls it with COMP_LINE
// set.
var completions = map[string]string{
	"bash": "complete -C beckon beckon\n",
	"zsh":  "autoload -U +X bashcompinit && bashcompinit\ncomplete -C beckon beckon\n",
	"fish": `function __complete_beckon
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct); and set COMP_LINE "$COMP_LINE "
    beckon
end
complete -f -c beckon -a "(__complete_beckon)"
`,
}

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the lines for the shell's start file.
func (c completionCommand) Run(std streams) error {
	_, err := fmt.Fprint(std.out, completions[c.Shell])
	return err
}

type manCommand struct{}

// Run prints the manual page.
func (manCommand) Run(std streams, parsed *kong.Context) error {
	_, err := fmt.Fprint(std.out, mangokong.NewManPage(1, parsed.Model).Build(roff.NewDocument()))
	return err
}
