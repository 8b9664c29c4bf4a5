package chat

import (
	"cmp"
	"context"
	"strings"
	"time"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/problem"
	"beckon/internal/spend"
)

// dialog is one call of an agent: what is said, with which tools, and what it took.
type dialog struct {
	*model
	call     *agents.Call
	said     *conversation
	tools    map[string]agents.Tool // those of the call
	turn     agents.Turn            // what is done with the tools of servers; nil where there are none
	declared []byte                 // the tools, as the provider is told of them
	before   string                 // of the answer, from rounds in which the model paused
	repairs  int                    // how often the model may still be told that its answer is not of the schema
	used     agents.Usage
	cost     spend.Cost // of the attempts since the last round
	attempts []agents.Attempt
	expense  agents.Expense // of the attempt that is being made; nil where nobody counts
	// background is what the provider works on by itself; nil for an API that has no such.
	background *background
}

// run asks the model, uses the tools that it calls, and asks again, until it answers. The usage is that of all
// rounds, the answer the text of the last. Rounds that are on record are not asked for again.
func (d *dialog) run(ctx context.Context) (result agents.Result, err error) {
	var images []agents.Artifact
	defer func() {
		result.Usage, result.By.Attempts = d.used, d.attempts
		if d.turn != nil {
			images = append(d.turn.Artifacts(), images...)
		}
		result.Artifacts = images
	}()
	round := 1
	if d.turn != nil {
		for _, r := range d.turn.Recorded(d.recordedAs()) {
			d.used = d.used.Add(r.Usage)
			if err := d.take(ctx, r); err != nil {
				return result, err
			}
			round++
		}
	}
	for ; ; round++ {
		answer, failed := d.ask(ctx)
		if failed != nil {
			if partial := failed.answer; partial != nil {
				result.Output = d.before + partial.Text
			}
			d.giveUp(ctx, d.background)
			return result, d.explain(ctx, failed, d.said.said)
		}
		isPaused := answer.End == completion.Paused
		usesTools := answer.End == completion.Whole && len(answer.Calls) > 0 && len(d.declared) > 0
		if !isPaused && !usesTools {
			all := *answer
			all.Text = d.before + answer.Text
			result, err = d.read(&all, round > 1)
			if err == nil {
				images, err = d.keepImages(ctx, answer)
			}
			if err != nil || d.schema == nil {
				return result, err
			}
			data, wrong := d.schema.Read(result.Output)
			if wrong == nil {
				result.Output, result.By.IsData = string(data), true
				return result, nil
			}
			if d.repairs == 0 || round >= d.maxSteps {
				return result, agents.OutputInvalid(d.agent, wrong)
			}
			d.repair(answer, wrong)
			continue
		}
		if round >= d.maxSteps {
			return result, problem.New(problem.Upstream, problem.CodeToolLimit,
				"The model of agent %q was asked %d times, and wants to use its tools once more. "+
					"Tell it in its prompt when to stop, or raise maxSteps.", d.agent, d.maxSteps)
		}
		if err := d.take(ctx, d.roundOf(answer, isPaused)); err != nil {
			return result, err
		}
	}
}

// keepImages keeps the images of an answer, where somebody keeps files.
func (d *dialog) keepImages(ctx context.Context, answer *completion.Completion) (list []agents.Artifact, err error) {
	if d.call.Files == nil {
		return nil, nil
	}
	for _, image := range answer.Images {
		var artifact agents.Artifact
		if data, ok := strings.CutPrefix(image.DataURL, "data:"); ok {
			artifact, err = agents.SaveDataURL(ctx, d.call.Files, d.agent, strings.NewReader(data))
		} else {
			artifact, err = agents.SaveBase64(ctx, d.call.Files, d.agent, image.MediaType,
				strings.NewReader(image.Base64))
		}
		if err != nil {
			return list, err
		}
		list = append(list, artifact)
	}
	return list, nil
}

// ask asks once, piece by piece where somebody reads along. What the provider refuses in the request, and says so, is
// learnt; it is then asked again without.
func (d *dialog) ask(ctx context.Context) (*completion.Completion, *failure) {
	for lesson := 1; ; lesson++ {
		if ctx.Err() != nil {
			return nil, &failure{err: ctx.Err()}
		}
		known := d.request.known.lessons()
		q := &question{keepThoughts: d.keepThoughts, attempted: d.note}
		q.stream, q.text = d.streams(known)
		mode := askMode{stream: q.stream}
		q.begin = func(ctx context.Context) (failed *failure) {
			q.mostTokens, failed = d.begin(ctx, &mode, known)
			return failed
		}
		if b := d.background; b != nil {
			mode.background = b.kept != nil && d.request.inBackground(known)
			q.background, q.isKept = b, mode.background
			q.unstreamed = func() []byte {
				return d.request.body(d.said, d.declared, askMode{background: mode.background}, known)
			}
		}
		q.body = func() []byte { return d.request.body(d.said, d.declared, mode, known) }
		had := asked{stream: q.stream, tools: len(d.declared) > 0, system: d.said.system+d.said.line != ""}
		var next *lessons
		q.teaches = func(f *failure) bool {
			had.limited = mode.tokens > 0
			next = d.request.learnFrom(f, had, known)
			return next != nil || d.refusesImages(f)
		}
		answer, failed := d.sender.ask(ctx, q)
		if failed == nil || q.passed || lesson == maxLessons || !q.teaches(failed) {
			return answer, failed
		}
		if next == nil {
			d.dropImages()
			continue
		}
		d.learn(known, next)
	}
}

// streams reports whether the answer is asked for as a stream, and who reads along. An answer that is checked as a
// whole is not read before.
func (d *dialog) streams(known *lessons) (stream bool, text func(string)) {
	if d.schema == nil && d.call.ReadsAlong() {
		text = d.call.Text
	}
	switch cmp.Or(d.stream, known.stream) {
	case agents.StreamAlways:
		return true, text
	case agents.StreamNever:
		return false, text
	}
	return text != nil, text
}

// note keeps an attempt on record.
func (d *dialog) note(begun time.Time, answer *completion.Completion, f *failure) {
	attempt := agents.Attempt{Provider: d.provider, Model: d.name, StartedAt: begun.UTC(), Duration: time.Since(begun)}
	if f != nil {
		p := d.problemOf(f)
		attempt.Error = &agents.Failure{Code: p.Code, Message: p.Detail}
		attempt.Status, attempt.Reason = f.status, d.reason(f, d.said.said)
		answer = f.answer
	}
	cost := d.pay(&attempt, answer, f)
	d.used.Cost, d.cost = d.used.Cost.Plus(cost), d.cost.Plus(cost)
	if answer != nil {
		d.used = d.used.Add(answer.Usage)
		if answer.Unknown() {
			attempt.Finish = bounded(answer.Finish)
		}
	}
	d.attempts = append(d.attempts, attempt)
}

// repair tells the model what is wrong with its answer. One that does not even try to write JSON does not know what
// it was asked for.
func (d *dialog) repair(answer *completion.Completion, wrong error) {
	d.repairs--
	known := d.request.known.lessons()
	if !strings.ContainsAny(answer.Text, "{[") && !d.request.schemaIsInPrompt(known) {
		next := *known
		next.schemaInPrompt = true
		d.learn(known, &next)
	}
	d.said.answered(d.roundOf(answer, true))
	d.said.ask("Your answer is not what was asked for: " + d.call.Fence.Wrap(wrong.Error()) + ".\n\n" +
		d.request.schemaText())
}

func (d *dialog) learn(last, next *lessons) {
	if d.request.known.learn(last, next) {
		d.sender.log.Info("learnt from the provider", "model", d.name, "notes", next.notes())
	}
}
