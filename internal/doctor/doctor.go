// Package doctor looks whether an installation is well. It runs checks, each within a time of its own, and collects
// what they find.
package doctor

import (
	"context"
	"fmt"
	"time"
)

// Status says how well something is.
type Status string

// A check ends in one of these.
const (
	Good    Status = "good"
	Warning Status = "warning" // it works, and may not for long
	Bad     Status = "bad"     // something does not work
	Skipped Status = "skipped" // it was not looked at
)

// Finding is what a check has found.
type Finding struct {
	Check  string `json:"check"` // what was looked at: "database", "provider openai"
	Status Status `json:"status"`
	Says   string `json:"says"`           // what was found
	Todo   string `json:"todo,omitempty"` // what to do; empty for Good
}

// Check is one thing to look at.
type Check struct {
	Name    string
	Network bool // it reaches other hosts
	Look    func(ctx context.Context) Finding
}

const (
	// limit is how long one check may take.
	limit = 10 * time.Second
	// atOnce is how many checks run at the same time.
	atOnce = 8
)

// Examine runs the checks, several at the same time, and calls tell with each finding in the order of the checks.
// Without network it skips checks that connect to other hosts. When ctx ends, Examine reports the checks that are
// running as hanging and skips the rest.
func Examine(ctx context.Context, checks []Check, network bool, tell func(Finding)) {
	findings := make([]chan Finding, len(checks))
	for i := range checks {
		findings[i] = make(chan Finding, 1)
	}
	go func() {
		slots := make(chan struct{}, atOnce)
		for i, c := range checks {
			if c.Network && !network {
				findings[i] <- Finding{c.Name, Skipped, "It would reach another host.", ""}
				continue
			}
			slots <- struct{}{} // a check that runs ends with ctx
			if ctx.Err() != nil {
				<-slots
				findings[i] <- Finding{
					c.Name, Skipped, "There was no time left for it.",
					"Check it alone, or see why others take so long.",
				}
				continue
			}
			go func() {
				defer func() { <-slots }()
				findings[i] <- c.run(ctx)
			}()
		}
	}()
	for _, found := range findings {
		tell(<-found)
	}
}

func (c Check) run(ctx context.Context) Finding {
	begun := time.Now()
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan Finding, 1)
	go func() { done <- c.Look(within) }()
	select {
	case f := <-done:
		f.Check = c.Name
		return f
	case <-within.Done():
		took := time.Since(begun).Round(100 * time.Millisecond)
		return Finding{
			c.Name, Bad, fmt.Sprintf("There was no answer within %s.", took),
			"See whether it hangs or cannot be reached.",
		}
	}
}

// Failed returns a finding that something does not work, and what to do about it.
func Failed(says, todo string) Finding { return Finding{Status: Bad, Says: says, Todo: todo} }

// Caution returns a finding that works now and may not later, and what to do about it.
func Caution(says, todo string) Finding { return Finding{Status: Warning, Says: says, Todo: todo} }

// Well says that all is well.
func Well(format string, args ...any) Finding {
	return Finding{Status: Good, Says: fmt.Sprintf(format, args...)}
}

// Worst is the worst status of several findings.
func Worst(list []Finding) Status {
	worst := Good
	for _, f := range list {
		if f.Status == Bad || f.Status == Warning && worst == Good {
			worst = f.Status
		}
	}
	return worst
}
