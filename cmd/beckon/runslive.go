package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// The sizes of what is redrawn. They leave room on the smallest of usual terminals, 24 rows of 80 columns, as nothing
// that has scrolled away can be drawn again.
const (
	liveNodes = 12
	liveText  = 6
	liveWidth = 78
)

// The sequences that a terminal obeys (ECMA-48, and DEC's private mode 7).
const (
	escUp      = "\x1b[%dA"
	escClear   = "\x1b[J"
	escNoWrap  = "\x1b[?7l" // a line that is too wide must stay one line
	escWrap    = "\x1b[?7h"
	escGreen   = "\x1b[32m"
	escRed     = "\x1b[31m"
	escYellow  = "\x1b[33m"
	escNeutral = "\x1b[0m"
)

// liveView shows a run on a terminal: a line for every node, which changes with it, and the answer below. Of an answer
// that is still being written beside nodes only the last lines are shown; the run of an agent alone has no nodes, and
// its answer is written where it stays.
type liveView struct {
	out    io.Writer
	color  bool
	nodes  []*liveNode // those that may still change, and those that began after them
	drawn  int         // how many lines stand below the last that is final
	text   answerText
	inFlow bool
	tail   string // of the answer of a flow
}

type liveNode struct {
	id, status, why string
	begun, ended    time.Time
}

func newLiveView(out io.Writer) *liveView {
	return &liveView{out: out, color: os.Getenv("NO_COLOR") == "", text: answerText{out: out}}
}

func (v *liveView) tell(e runEvent) error {
	switch {
	case e.kind == "message.delta" && !v.inFlow:
		return v.text.add(e.Text)
	case e.kind == "message.delta":
		const enough = 4 * liveText * liveWidth
		v.tail += harmless(e.Text)
		v.tail = strings.ToValidUTF8(v.tail[max(0, len(v.tail)-enough):], "")
		return v.draw("", false)
	case e.Data.NodeID != "":
		v.inFlow = true
		v.change(e)
		return v.draw("", false)
	case e.ends():
		return v.end(e)
	case e.kind == "run.started":
		_, err := fmt.Fprintf(v.out, "%s %s\n", e.RunID, harmless(e.WorkflowID))
		return err
	}
	return nil
}

// change finds the node from its end: one that is done again after a crash has an older line that stays.
func (v *liveView) change(e runEvent) {
	i := slices.IndexFunc(v.nodes, func(n *liveNode) bool { return n.id == e.Data.NodeID })
	if i < 0 {
		i, v.nodes = len(v.nodes), append(v.nodes, &liveNode{id: e.Data.NodeID})
	}
	n := v.nodes[i]
	n.status, n.why = e.Data.Status, e.failure()
	if e.kind == "node.started" {
		n.begun = e.CreatedAt
	} else {
		n.ended = e.CreatedAt
	}
}

// end makes everything final and prints the answer, whole.
func (v *liveView) end(e runEvent) error {
	v.tail = ""
	for _, n := range v.nodes {
		if n.status == "RUNNING" { // it has ended with the run, and has no event of its own
			n.status, n.ended = e.Data.Status, e.CreatedAt
		}
	}
	if v.inFlow {
		if err := v.draw("", true); err != nil {
			return err
		}
	}
	if e.kind != "run.completed" {
		return v.text.broken()
	}
	_, err := v.text.complete(e.Data.Output)
	return err
}

// notice prints a line that stays, above what is not final yet.
func (v *liveView) notice(text string) {
	_ = v.draw(oneLine(text, 200)+"\n", false) // who cannot be told that is told nothing else either
}

// draw replaces what is not final yet, below a line that is. Nodes that have ended become final when all before
// them have.
func (v *liveView) draw(above string, all bool) error {
	var screen strings.Builder
	screen.WriteString(escNoWrap)
	if v.drawn > 0 {
		fmt.Fprintf(&screen, "\r"+escUp, v.drawn)
	}
	screen.WriteString(escClear + above)
	for len(v.nodes) > 0 && (all || v.nodes[0].status != "RUNNING") {
		screen.WriteString(v.line(v.nodes[0]))
		v.nodes = v.nodes[1:]
	}
	v.drawn = 0
	for i, n := range v.nodes {
		v.drawn++
		if i == liveNodes-1 && len(v.nodes) > liveNodes {
			fmt.Fprintf(&screen, "… and %d more\n", len(v.nodes)-i)
			break
		}
		screen.WriteString(v.line(n))
	}
	for _, line := range lastLines(v.tail) {
		screen.WriteString(line + "\n")
		v.drawn++
	}
	screen.WriteString(escWrap)
	_, err := io.WriteString(v.out, screen.String())
	return err
}

func (v *liveView) line(n *liveNode) string {
	status, color := fmt.Sprintf("%-9s", n.status), escYellow
	switch n.status {
	case "COMPLETED":
		color = escGreen
	case "FAILED":
		color = escRed
	}
	if v.color {
		status = color + status + escNeutral
	}
	line := status + "  " + oneLine(n.id, 60)
	if !n.begun.IsZero() && !n.ended.IsZero() {
		line += "  " + duration(n.ended.Sub(n.begun))
	}
	if n.why != "" {
		line += "  " + oneLine(n.why, 200)
	}
	return line + "\n"
}

// lastLines breaks a text into lines that fit and returns the last of them.
func lastLines(text string) (lines []string) {
	if text == "" {
		return nil
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\t", " "), "\n") {
		for part := range slices.Chunk([]rune(line), liveWidth) {
			lines = append(lines, string(part))
		}
		if line == "" {
			lines = append(lines, "")
		}
	}
	return lines[max(0, len(lines)-liveText):]
}
