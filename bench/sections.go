package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"beckon/bench/report"
)

// section is one part of the benchmark.
type section struct {
	name    string
	measure func(context.Context, *lab) (report.Section, error)
}

// sections are all parts, in their order. Those that need a gateway with many runs on record share one, in folder.
func sections(folder string) []section {
	used := filepath.Join(folder, "used")
	return []section{
		{"throughput", throughput},
		{"cpu", costOfCalls},
		{"postgres", postgres},
		{"memory", func(ctx context.Context, l *lab) (report.Section, error) { return memory(ctx, l, used) }},
		{"async", async},
		{"deliveries", deliver},
		{"capacity", capacity},
		{"hanging", hanging},
		{"followers", followers},
		{"refused", refused},
		{"forms", forms},
		{"recovery", recovery},
		{"tabs", func(ctx context.Context, l *lab) (report.Section, error) {
			return withTabs(ctx, l, filepath.Join(folder, "tabs"))
		}},
		{"pages", func(ctx context.Context, l *lab) (report.Section, error) { return pages(ctx, l, used) }},
		{"tools", callTools},
		{"startup", func(ctx context.Context, l *lab) (report.Section, error) { return startup(ctx, l, used) }},
	}
}

// byName is measured only when it is asked for.
var byName = section{"growth", growing}

// measureAll measures the sections that are asked for.
func measureAll(ctx context.Context, o options) (found []report.Section, err error) {
	// Beside the binary rather than in the system's temporary folder, which may be in memory: there, syncing costs nothing.
	folder, err := os.MkdirTemp(filepath.Dir(o.beckon), "bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	l, err := newLab(ctx, o, folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	for _, s := range append(sections(folder), byName) {
		if !slices.Contains(o.only, s.name) && (len(o.only) > 0 || s.name == byName.name) {
			continue
		}
		result, err := s.measure(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		found = append(found, result)
	}
	return found, nil
}

// introduction begins the page of results where there is none yet.
const introduction = `# How fast it is

` + "`make bench`" + ` measures the gateway beside its floors and writes what it finds below. All of it runs on one machine, over
loopback, in the same run: the load generator ([bombardier](https://github.com/codesenberg/bombardier)), a stub of a model
server, and one of

- **the stub alone**: the most that the machine and the load generator can do;
- **nginx** in front of the stub, with connections kept open on both sides: what any proxy costs;
- **a bare handler**: Echo in front, go-openai behind, nothing recorded: what a gateway costs with these libraries;
- **the gateway**, as ` + "`beckon serve`" + ` runs by default: SQLite, synced to disk before each answer, a line of log for each run.

The stub answers at once, so that what is measured is the way there and back; a real model takes seconds. Everything
shares the machine's processors: the figures say how the servers compare, not how fast each could be alone.

Each measurement keeps a fixed number of requests under way, each on a connection of its own. The servers take turns, for
several rounds. A figure is the median of the rounds. A comparison is made within each round, and the median of those is
shown: it may differ a little from what the figures beside it give. Every answer has to be a 2xx, and the gateway's database
has to have exactly as many completed runs as there were answers; else there is no result.
`
