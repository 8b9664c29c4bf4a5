// Command beckon parses the command line, calls, and prints; each of its commands has a file of its own.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
	"github.com/willabides/kongplete"

	"beckon/internal/config"
	"beckon/internal/problem"
)

// The exit codes of every command.
const (
	exitFailed  = 1 // what was asked for was tried, and did not work
	exitUsage   = 2 // the command line makes no sense
	exitRefused = 3 // the gateway did not let the caller in, or did not take the request
	exitGate    = 5 // the answer does not pass the gate
	exitUnsafe  = 6 // a client has all three legs; see package safety
)

type commandLine struct {
	Serve      serveCommand      `cmd:"" help:"Run the gateway."`
	Invoke     invokeCommand     `cmd:"" help:"Call a client's webhook and print the answer."`
	Runs       runsCommand       `cmd:"" help:"List, show, follow and cancel runs."`
	Replay     replayCommand     `cmd:"" help:"Run the kept request of a run again, with its client as it is now. Needs the admin token."`
	Export     exportDataCommand `cmd:"" help:"Export what is on record of a client or a visitor. Needs the admin token."`
	Erase      eraseDataCommand  `cmd:"" help:"Erase what is on record of a client or a visitor, for good. Needs the admin token."`
	Clients    clientsCommand    `cmd:"" help:"List and create clients, and create tokens. Works on the database, whether or not the gateway runs."`
	Listen     listenCommand     `cmd:"" help:"Receive events on this machine, verify them and print them."`
	Config     configCommand     `cmd:"" help:"Check or export the configuration."`
	Import     importCommand     `cmd:"" help:"Convert the data of another product into a configuration file."`
	Backup     backupCommand     `cmd:"" help:"Write the whole database into one file, while the gateway runs."`
	Restore    restoreCommand    `cmd:"" help:"Replace the database with a backup. Stop all gateways first."`
	Migrate    migrateCommand    `cmd:"" help:"Copy the database into another one, such as from SQLite to PostgreSQL."`
	Secrets    secretsCommand    `cmd:"" help:"Change the key that seals the stored secrets."`
	Doctor     doctorCommand     `cmd:"" help:"Check the installation: configuration, database, disk, clock, limits, providers, endpoints."`
	Health     healthCommand     `cmd:"" help:"Ask a gateway whether it accepts calls. Exits with 1 if not."`
	Completion completionCommand `cmd:"" help:"Print a completion script for a shell."`
	Man        manCommand        `cmd:"" hidden:"" help:"Print the manual page."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exitError ends the program with a code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

func run(args []string, std streams) int {
	exited, code := false, 0
	parser, err := kong.New(&commandLine{}, kong.Name("beckon"),
		kong.Description("An HTTP gateway that puts AI agents to work."),
		kong.Writers(std.out, std.err), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(c int) { exited, code = true, c }))
	if err != nil {
		panic(err) // the struct above is wrong, which no input can cause
	}
	// ends the process when a shell asks for completions
	kongplete.Complete(parser)
	// what people type before they have read anything
	if len(args) == 1 && (args[0] == "--version" || args[0] == "help") {
		args = []string{map[string]string{"--version": "version", "help": "--help"}[args[0]]}
	}
	parsed, err := parser.Parse(args)
	if exited { // --help has printed what it had to
		return code
	}
	if err != nil {
		fmt.Fprintf(std.err, "beckon: %v\nTry: beckon --help\n", err)
		return exitUsage
	}
	if err := parsed.Run(std); err != nil {
		return explain(err, std.err)
	}
	return 0
}

// explain prints why a command did not work, and returns its exit code. A problem's cause is left to the log of a
// server; here there is none, so it is printed when the problem itself doesn't say enough.
func explain(err error, w io.Writer) int {
	code := exitFailed
	if e, ok := errors.AsType[*exitError](err); ok {
		code = e.code
	}
	if mistakes, ok := errors.AsType[*config.Error](err); ok {
		fmt.Fprintln(w, mistakes)
		return code
	}
	if p, ok := errors.AsType[*problem.Error](err); ok && p.Kind != problem.Internal && p.Kind != problem.Unavailable {
		err = errors.New(p.Detail)
	}
	fmt.Fprintf(w, "beckon: %v\n", err)
	return code
}
