// Command bench measures the gateway beside its floors, in one run: a stub of a model server alone, nginx in front of it, and a
// bare handler that asks it through go-openai. Each is a process of its own, on loopback.
//
// Run it in the root of the repository, with bin/beckon built (make bench does both). It prints what it found, and
// writes it into docs/performance.md. It fails when a measurement is not valid; a target that was missed is reported,
// and with -strict fails too.
//
//	bench [-quick] [-strict] [-only throughput,cpu,postgres,memory,async,deliveries,capacity,hanging,
//		followers,refused,forms,recovery,tabs,pages,tools,startup]
//	bench -only growth [-growth 100000,1000000,4000000]            with many runs on record; takes long
//	bench stub -address 127.0.0.1:9000 [-delay 200ms]              a model server to try things with
//	bench bare -address 127.0.0.1:9001 -model http://127.0.0.1:9000/v1
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
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
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if be := role(args[0]); be != nil {
			return be(ctx, args[1:])
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	machine, err := report.ThisMachine(ctx, o.beckon)
	if err != nil {
		return err
	}
	started := time.Now()
	found, err := measureAll(ctx, o)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return err
	}
	text := machine.Heading(started) + "\n"
	for _, s := range found {
		text += "\n" + s.Markdown()
	}
	fmt.Print(text)
	if o.page != "" {
		if err := report.WritePage(o.page, "bench", introduction, text); err != nil {
			return err
		}
	}
	missed := report.Missed(found)
	for _, v := range missed {
		fmt.Fprintf(os.Stderr, "missed: %s is %s, and should be %s\n", v.What, v.Value, v.Target)
	}
	if o.strict && len(missed) > 0 {
		return fmt.Errorf("%d targets were missed", len(missed))
	}
	return nil
}

// options are what the command line says.
type options struct {
	pace   pace
	only   []string // names of sections; empty is all
	strict bool
	beckon string
	page   string // where to write the results; empty is nowhere
}

func parse(args []string) (options, error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := f.Bool("quick", false, "measure for less than a minute, and write no page")
	only := f.String("only", "", "the sections to measure, with commas between; writes no page")
	strict := f.Bool("strict", false, "fail when a target is missed")
	beckon := f.String("beckon", "bin/beckon", "the gateway's binary")
	growth := f.String("growth", "100000,1000000,4000000", "the numbers of runs that the section growth puts on record")
	page := f.String("page", "docs/performance.md", "the page that takes the results")
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	if f.NArg() > 0 {
		return options{}, fmt.Errorf("%q is not understood", f.Arg(0))
	}
	o := options{strict: *strict, beckon: *beckon, page: *page,
		pace: pace{rounds: 5, length: 2500 * time.Millisecond, calls: 100_000, starts: 7}}
	sizes, err := parseGrowth(*growth)
	if err != nil {
		return options{}, err
	}
	o.pace.growth = sizes
	if *quick {
		o.pace, o.page = pace{rounds: 2, length: time.Second, calls: 20_000, starts: 3, growth: sizes}, ""
	}
	if *only != "" {
		o.only, o.page = strings.Split(*only, ","), ""
		for _, name := range o.only {
			if !slices.ContainsFunc(append(sections(""), byName), func(s section) bool { return s.name == name }) {
				return options{}, fmt.Errorf("there is no section %q", name)
			}
		}
	}
	return o, nil
}
