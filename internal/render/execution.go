package render

import (
	"strings"
	"text/template"
	"time"
	"unicode/utf8"
)

const (
	maxCalls     = 100  // of {{template}} within each other
	stepsPerLook = 1024 // steps of work between two looks at the clock
	bytesPerStep = 64
)

// execution is the state of one rendering: what it has written and what it may still spend.
type execution struct {
	template *template.Template // a clone with the functions of this execution
	literals map[string]bool    // the strings that the template itself writes
	out      strings.Builder
	data     [][2]int // the parts of out that printData has written
	limits   Limits
	deadline time.Time
	steps    int
	calls    int
}

func (x *execution) begin(limits Limits) {
	x.limits, x.deadline = limits, time.Now().Add(limits.Time)
	x.steps, x.calls = 0, 0
}

func (x *execution) end() {
	x.out.Reset()
	x.data = nil
}

// step counts work and looks at the clock when enough has come together. A step is around a tenth of a microsecond.
func (x *execution) step(n int) error {
	if x.steps += n; x.steps < stepsPerLook {
		return nil
	}
	x.steps = 0
	if time.Now().After(x.deadline) {
		return failf(TooSlow, "rendering takes longer than the %s that are allowed", x.limits.Time)
	}
	return nil
}

// stepBytes counts the work on a text, and refuses to make one that is larger than the result may be.
func (x *execution) stepBytes(n int) error {
	if n > x.limits.MaxBytes {
		return tooLarge(x.limits.MaxBytes)
	}
	return x.step(1 + n/bytesPerStep)
}

// Write takes what the template writes.
func (x *execution) Write(p []byte) (int, error) {
	if err := x.admit(len(p)); err != nil {
		return 0, err
	}
	return x.out.Write(p)
}

// tick stands at the start of the body of every range. It returns false as the condition of an if without a body.
func (x *execution) tick(weight int) (bool, error) { return false, x.step(weight) }

// enter and leave stand at the start and at the end of every defined template.
func (x *execution) enter(weight int) (bool, error) {
	if x.calls++; x.calls > maxCalls {
		return false, failf(TooLarge, "templates call each other more than %d levels deep", maxCalls)
	}
	return false, x.step(weight)
}

func (x *execution) leave() bool {
	x.calls--
	return false
}

// print ends every pipeline whose value is printed, unless printData does. It writes the value itself, and
// text/template writes the empty text that it returns.
func (x *execution) print(v any) (string, error) {
	text, err := x.text(v)
	if err != nil {
		return "", err
	}
	if err = x.admit(len(text)); err == nil {
		x.out.WriteString(text)
	}
	return "", err
}

// printData is print for a value that is not only the owner's.
func (x *execution) printData(v any) (string, error) {
	begin := x.out.Len()
	text, err := x.print(v)
	if end := x.out.Len(); err == nil && end > begin {
		if last := len(x.data) - 1; last >= 0 && x.data[last][1] == begin {
			x.data[last][1] = end
		} else {
			x.data = append(x.data, [2]int{begin, end})
		}
	}
	return text, err
}

// validSpans takes what is not UTF-8 out of a text, and returns where its parts are then. No character is partly in
// one.
func validSpans(text string, spans [][2]int) (string, [][2]int) {
	if utf8.ValidString(text) {
		return text, spans
	}
	var b strings.Builder
	moved, at := make([][2]int, 0, len(spans)), 0
	for _, span := range spans {
		b.WriteString(strings.ToValidUTF8(text[at:span[0]], ""))
		begin := b.Len()
		b.WriteString(strings.ToValidUTF8(text[span[0]:span[1]], ""))
		if b.Len() > begin {
			moved = append(moved, [2]int{begin, b.Len()})
		}
		at = span[1]
	}
	b.WriteString(strings.ToValidUTF8(text[at:], ""))
	return b.String(), moved
}

// admit counts the work of writing n more bytes, and refuses them when they don't fit.
func (x *execution) admit(n int) error {
	if x.out.Len()+n > x.limits.MaxBytes {
		return tooLarge(x.limits.MaxBytes)
	}
	return x.step(1 + n/bytesPerStep)
}
