package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"beckon/runs"
)

// The server draws the charts as SVG: they need no script, and each bar of runs is a link to them.
const (
	chartHeight = 240 // of the runs, in pixels
	smallHeight = 56  // of the others
	minBarPart  = 3   // so that the least can be seen
)

// bucket counts the runs of a bar.
type bucket struct {
	At, Until time.Time
	runs.Tally
}

// bucketsOf sums hours up to bars of so many hours, the last of which ends with the last hour.
func bucketsOf(hours []runs.Hour, each int) (list []bucket) {
	first := len(hours) % each
	for from := 0; from < len(hours); {
		to := from + each
		if from == 0 && first > 0 {
			to = first
		}
		b := bucket{At: hours[from].At, Until: hours[to-1].At.Add(time.Hour), Tally: runs.Tally{ByStatus: map[runs.Status]int64{}}}
		for _, h := range hours[from:to] {
			for status, n := range h.ByStatus {
				b.ByStatus[status] += n
			}
			b.Tokens += h.Tokens
			b.Cost = b.Cost.Plus(h.Cost)
		}
		list = append(list, b)
		from = to
	}
	return list
}

// barChart is a chart of bars that are stacked.
type barChart struct {
	Height int
	Lines  []gridLine
	Bars   []stackedBar
}

// gridLine is a line across a chart with what it stands for.
type gridLine struct {
	Y    int
	Text string
}

// stackedBar is one bar.
type stackedBar struct {
	Slot, SlotWidth, Left, Width string // percentages
	Title, Address               string
	Parts                        []barPart
}

// barPart is a part of a bar.
type barPart struct {
	Class     string
	Y, Height int
}

// runBars are the runs by what became of them.
func runBars(list []bucket) barChart {
	var most int64
	for _, b := range list {
		most = max(most, b.Runs())
	}
	top := niceTop(most)
	c := barChart{Height: chartHeight}
	for i := range 5 {
		c.Lines = append(c.Lines, gridLine{chartHeight - chartHeight*i/4, number(top * int64(i) / 4)})
	}
	for i, b := range list {
		bar := barAt(i, len(list))
		failed, canceled := b.Count(runs.Failed), b.Count(runs.Canceled)
		rest := b.Runs() - failed - canceled
		bar.Title = fmt.Sprintf("%s to %s UTC: %s runs, %s failed, %s canceled", b.At.UTC().Format("2 Jan 15:04"),
			b.Until.UTC().Format("15:04"), number(b.Runs()), number(failed), number(canceled))
		bar.Address = filtered(runsPath, "since", b.At.UTC().Format(time.RFC3339), "until", b.Until.UTC().Format(time.RFC3339))
		bar.stack(chartHeight, top, []string{"ok", "bad", "idle"}, rest, failed, canceled)
		c.Bars = append(c.Bars, bar)
	}
	return c
}

// tokenBars are the tokens.
func tokenBars(list []bucket) barChart {
	var most int64
	for _, b := range list {
		most = max(most, b.Tokens)
	}
	c := barChart{Height: smallHeight}
	for i, b := range list {
		bar := barAt(i, len(list))
		bar.stack(smallHeight, max(most, 1), []string{"one"}, b.Tokens)
		c.Bars = append(c.Bars, bar)
	}
	return c
}

func barAt(i, of int) stackedBar {
	slot := 100 / float64(of)
	part := func(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) + "%" }
	return stackedBar{Slot: part(slot * float64(i)), SlotWidth: part(slot), Left: part(slot * (float64(i) + .17)), Width: part(slot * .66)}
}

// stack puts the parts of a bar on each other, from the bottom.
func (b *stackedBar) stack(height int, top int64, classes []string, counts ...int64) {
	y := height
	for i, n := range counts {
		if n == 0 {
			continue
		}
		h := max(int(math.Round(float64(n)/float64(top)*float64(height))), minBarPart)
		y -= h
		b.Parts = append(b.Parts, barPart{classes[i], max(y, 0), h})
		y-- // a gap
	}
}

// niceTop is the upper end of an axis with four steps that are whole and easy to read.
func niceTop(most int64) int64 {
	for size := int64(1); ; size *= 10 {
		for _, step := range []int64{1, 2, 5} {
			if 4*step*size >= most {
				return 4 * step * size
			}
		}
	}
}

// lineChart is a chart of lines over hours.
type lineChart struct{ P50, P95 string }

// durationLines are how long the completed runs took; hours without any are left out.
func durationLines(hours []runs.Hour) lineChart {
	var most time.Duration
	for _, h := range hours {
		most = max(most, h.P95)
	}
	if most == 0 || len(hours) < 2 {
		return lineChart{}
	}
	line := func(of func(runs.Hour) time.Duration) string {
		var points []string
		for i, h := range hours {
			if h.Count(runs.Completed) == 0 {
				continue
			}
			x, y := float64(i)/float64(len(hours)-1)*100, 96-float64(of(h))/float64(most)*92
			points = append(points, fmt.Sprintf("%.2f,%.1f", x, y))
		}
		if len(points) == 1 { // a line needs two
			points = append(points, points[0])
		}
		return strings.Join(points, " ")
	}
	return lineChart{line(func(h runs.Hour) time.Duration { return h.P50 }), line(func(h runs.Hour) time.Duration { return h.P95 })}
}
