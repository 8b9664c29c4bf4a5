package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"beckon/bench/report"
)

// verdict says what became of all that was accepted while something was killed again and again.
type verdict struct {
	what, database string
	kills          int

	accepted int
	ended    int            // of these
	failed   map[string]int // of these, by the code of their errors
	lost     []string       // accepted, and not on record
	open     []string       // accepted, and not over
	twice    []string       // runs that ended twice, and Idempotency-Keys with two runs
	untold   int            // ends that the receiver did not hear of
	refused  int
	wrong    map[string]int // answers that are neither 200, 202 nor 503 with Retry-After

	recovery []float64 // seconds from each kill until every gateway answered calls again
	settled  []float64 // seconds from each kill until what was accepted before it had ended
}

// compare compares what callers were told, and what the receiver was, with what is on record.
func (v *verdict) compare(ctx context.Context, l *load, r *record) error {
	outcomes, err := r.outcomes(ctx, false)
	if err != nil {
		return err
	}
	if v.twice, err = r.endedTwice(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v.twice = append(v.twice, l.twice...)
	v.accepted, v.refused, v.wrong, v.failed = len(l.accepted), l.refused, l.wrong, map[string]int{}
	for id, a := range l.accepted {
		o, isThere := outcomes[id]
		switch {
		case !isThere:
			v.lost = append(v.lost, id)
			continue
		case o.isOpen(), a.answered && o.status != "COMPLETED":
			v.open = append(v.open, id)
			continue
		case o.status != "COMPLETED":
			v.failed[o.code]++
		}
		v.ended++
		switch n := l.fleet.receiver.ids(id); {
		case n == 0:
			v.untold++
		case n > 1:
			v.twice = append(v.twice, id)
		}
	}
	return nil
}

// broken says which promises were not kept; nil says that all were.
func (v *verdict) broken() error {
	var list []string
	add := func(n int, what string) {
		if n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(len(v.lost), fmt.Sprintf("accepted runs are lost: %v", first(v.lost)))
	add(len(v.open), fmt.Sprintf("accepted runs have not ended as their callers were told: %v", first(v.open)))
	add(len(v.twice), fmt.Sprintf("runs ended or were made twice: %v", first(v.twice)))
	add(v.untold, "ends were not delivered")
	add(len(v.wrong), fmt.Sprintf("kinds of answers are neither 200, 202 nor 503 with Retry-After: %v", v.wrong))
	add(len(v.failed), fmt.Sprintf("kinds of errors of accepted runs: %v", v.failed))
	if most := slices.Max(v.recovery); most > mostRecovery.Seconds() {
		list = append(list, fmt.Sprintf("calls were answered again only %.1f s after a kill", most))
	}
	if list == nil {
		return nil
	}
	return fmt.Errorf("kills of %s on %s: %s", v.what, v.database, strings.Join(list, "; "))
}

// first are the first few of many.
func first(ids []string) []string { return ids[:min(len(ids), 5)] }

// markdown is the table of all verdicts.
func markdown(verdicts []verdict) string {
	var rows [][]string
	for _, v := range verdicts {
		failed := 0
		for _, n := range v.failed {
			failed += n
		}
		row := []string{v.what, v.database}
		for _, n := range []int{v.kills, v.accepted, v.ended, failed, len(v.lost) + len(v.open), len(v.twice), v.refused} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, append(row, seconds(v.recovery), seconds(v.settled)))
	}
	header := []string{
		"killed", "database", "times", "accepted", "ended", "FAILED", "lost", "twice", "refused", "answers again after", "all ended after",
	}
	return report.Table(header, rows)
}

// seconds are the median of some times, and the longest.
func seconds(times []float64) string {
	return fmt.Sprintf("%.1f s (at most %.1f s)", report.Median(times), slices.Max(times))
}
