// Command failover kills databases and gateways under load, and compares what callers were told with what is on record.
//
// It starts three PostgreSQL servers under Patroni with synchronous replication, etcd and HAProxy, and three gateways
// over HAProxy. Callers call all the time. The primary is killed, and a gateway, in turn; then a single gateway on
// SQLite. Everything runs on loopback, in a temporary folder.
//
// Run it in the root of the repository, with bin/beckon built (make bench-failover does both):
//
//	failover [-kills 20] [-rate 30] [-beckon bin/beckon] [-page docs/reliability.md]
//
// It fails when a run that was accepted is lost, does not end, or has ended twice, or when calls are not answered again
// in time. It then keeps the folder with all logs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"beckon/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "failover:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	kills  int
	rate   int // calls a second
	beckon string
	page   string // where to write the results; empty is nowhere
	only   string
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("failover", flag.ContinueOnError)
	f.IntVar(&o.kills, "kills", 20, "how often the primary and a gateway are killed")
	f.IntVar(&o.rate, "rate", 30, "calls a second")
	f.StringVar(&o.beckon, "beckon", "bin/beckon", "the gateway's binary")
	f.StringVar(&o.page, "page", "", "the page that takes the results")
	f.StringVar(&o.only, "only", "", "postgres or sqlite; empty is both")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is not understood", f.Arg(0))
	case o.kills < 1 || o.rate < 1:
		return o, errors.New("-kills and -rate must be at least 1")
	case o.only != "" && o.only != "postgres" && o.only != "sqlite":
		return o, errors.New("-only must be postgres or sqlite")
	}
	return o, nil
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	machine, err := report.ThisMachine(ctx, o.beckon)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "beckon-failover-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(folder)
			return
		}
		err = fmt.Errorf("%w\nthe logs and the data are in %s", err, folder)
	}()
	if err := os.Chmod(folder, 0o711); err != nil { // PostgreSQL runs as another user
		return err
	}
	started := time.Now()
	verdicts, err := prove(ctx, o, folder)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return err
	}
	text := machine.Heading(started) + fmt.Sprintf(" %d calls a second.\n\n", o.rate) + markdown(verdicts)
	fmt.Print("\n" + text)
	for _, v := range verdicts {
		err = errors.Join(err, v.broken())
	}
	if err == nil && o.page != "" {
		err = report.WritePage(o.page, "failover", "", text)
	}
	return err
}

// prove runs everything that the options ask for.
func prove(ctx context.Context, o options, folder string) (verdicts []verdict, err error) {
	for _, part := range []struct {
		name  string
		prove func(context.Context, options, string) ([]verdict, error)
	}{{"postgres", provePostgres}, {"sqlite", proveSQLite}} {
		if o.only != "" && o.only != part.name {
			continue
		}
		found, err := part.prove(ctx, o, folder)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		verdicts = append(verdicts, found...)
	}
	return verdicts, nil
}
