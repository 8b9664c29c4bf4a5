package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"beckon/bench/load"
	"beckon/bench/report"
	"beckon/bench/stub"
)

const (
	formRate         = 100 // forms a second
	formAddresses    = 100
	formAgent        = 20 * time.Second // how long the agent takes
	formKey          = "pk_formsofthebench2026"
	formOrigin       = "https://bench.example"
	formPatience     = 2 * time.Minute // for the last agents to end
	maxFormP95       = 50              // ms
	mostFromOne      = 40              // that pass of a flood from one address: 30, and one each two seconds
	maxSlowedByForms = 1.25            // times the p99 of calls beside the same flood on another gateway
)

// formsConfig is a client that is a form, for gatewayConfig.
const formsConfig = "  - {id: contact, source: form, allowedAgents: [bench], form: {key: " + formKey + ", origins: [\"" + formOrigin +
	"\"], fields: {email: {type: email, required: true}, message: {required: true}}}}\n"

// sentForms is what became of forms.
type sentForms struct {
	taken, limited int
	waits          []time.Duration // of those that were taken, from when each was to be sent
}

func (s sentForms) p95() float64 {
	slices.Sort(s.waits)
	return milliseconds(s.waits[min(len(s.waits)*95/100, len(s.waits)-1)])
}

// forms measures how fast forms are answered whose agent takes long, and answered calls of another client beside them. As the
// floods take processor time by themselves, in turns the same flood goes to another gateway, which nobody calls.
func forms(ctx context.Context, l *lab) (found report.Section, err error) {
	slow, err := l.startSlowStub(ctx, formAgent)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, slow.Stop()) }()
	called, err := l.startGatewayWith(ctx, filepath.Join(l.folder, "forms"), slow, formsConfig)
	if err != nil {
		return found, err
	}
	other, err := l.startGatewayWith(ctx, filepath.Join(l.folder, "forms-elsewhere"), slow, formsConfig)
	if err != nil {
		return found, errors.Join(err, called.Stop())
	}
	lines := []struct {
		name      string
		to        *gateway // nil for no forms
		addresses int
	}{{"none", nil, 0}, {"from 100 addresses, on another gateway", other, formAddresses}, {"from 100 addresses", called, formAddresses},
		{"from one address, on another gateway", other, 1}, {"from one address", called, 1}}
	measured, answers := make([]series, len(lines)), make([]sentForms, len(lines))
	p95s := make([][]float64, len(lines))
	for round := range l.rounds {
		for i := range lines {
			n := (i + round) % len(lines)
			result, sent, err := l.besideForms(ctx, called, lines[n].to, lines[n].addresses, round)
			if err != nil {
				return found, errors.Join(err, called.Stop(), other.Stop())
			}
			measured[n].add(result)
			if len(sent.waits) > 0 {
				p95s[n] = append(p95s[n], sent.p95())
			}
			answers[n].taken, answers[n].limited = answers[n].taken+sent.taken, answers[n].limited+sent.limited
			note("round %d of %d, forms %s: p99 of calls %s, %d forms taken, %d limited", round+1, l.rounds, lines[n].name,
				report.Milliseconds(milliseconds(result.P99)), sent.taken, sent.limited)
		}
	}
	found = report.Section{
		Title: "Forms of web pages",
		Text: fmt.Sprintf("Forms at a pace of %d a second, whose agent takes %s, and calls of another client on one connection beside "+
			"them. %d rounds of %s for each\n"+
			"line. Each form is timed from when it was to be sent. To tell the gateway from the machine, "+
			"the same forms also go to another gateway on it.", formRate, formAgent, l.rounds, l.length),
		Header: []string{"forms", "taken", "limited (429)", "p95 of forms", "calls/s beside them", "p50 of calls", "p99 of calls"},
	}
	for i, line := range lines {
		p95 := "–"
		if len(p95s[i]) > 0 {
			p95 = report.Milliseconds(report.Median(p95s[i]))
		}
		found.Rows = append(found.Rows, []string{
			line.name, report.Thousands(float64(answers[i].taken)), report.Thousands(float64(answers[i].limited)), p95,
			report.Thousands(report.Median(measured[i].rates)), report.Milliseconds(report.Median(measured[i].p50s)),
			report.Milliseconds(report.Median(measured[i].p99s)),
		})
	}
	quotient := func(v float64) string { return fmt.Sprintf("%.2f ×", v) }
	found.Verdicts = []report.Verdict{
		report.AtMost("a form is answered while its agent works, p95", report.Median(p95s[2]), maxFormP95, report.Milliseconds),
		report.AtMost("forms from 100 addresses that were limited", float64(answers[2].limited), 0, report.Thousands),
		report.AtMost("forms from one address that passed, of a round", float64(answers[4].taken)/float64(l.rounds),
			mostFromOne, report.Thousands),
		report.AtMost("p99 of calls with forms from 100 addresses, beside the same forms elsewhere",
			report.Paired(measured[2].p99s, measured[1].p99s, report.Quotient), maxSlowedByForms, quotient),
		report.AtMost("p99 of calls with forms from one address, beside the same forms elsewhere",
			report.Paired(measured[4].p99s, measured[3].p99s, report.Quotient), maxSlowedByForms, quotient),
	}
	for _, g := range []*gateway{called, other} {
		err = errors.Join(err, g.settled(ctx, formPatience), g.finish(ctx))
	}
	return found, err
}

// besideForms measures calls of a gateway while forms are sent to it, or to another one.
func (l *lab) besideForms(ctx context.Context, called, to *gateway, addresses, round int) (load.Result, sentForms, error) {
	if _, err := l.send(ctx, called.server, fewest, load.Amount{Requests: warmUp}); err != nil {
		return load.Result{}, sentForms{}, err
	}
	var (
		sent   sentForms
		failed error
		under  sync.WaitGroup
	)
	if to != nil {
		under.Go(func() { sent, failed = to.sendForms(ctx, l.length, addresses, round) })
	}
	result, err := l.send(ctx, called.server, fewest, load.Amount{For: l.length})
	under.Wait()
	return result, sent, errors.Join(err, failed)
}

// sendForms sends forms at a steady pace, each from the next of some addresses of this machine; in each round from others.
func (g *gateway) sendForms(ctx context.Context, length time.Duration, addresses, round int) (sent sentForms, err error) {
	clients := make([]*http.Client, addresses)
	for i := range clients {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(1+addresses), byte(1+round), byte(1+i))}}
		transport := &http.Transport{DialContext: dialer.DialContext}
		defer transport.CloseIdleConnections()
		clients[i] = &http.Client{Transport: transport}
	}
	var (
		lock  sync.Mutex
		under sync.WaitGroup
	)
	begun := time.Now()
	for n := range int(length.Seconds() * formRate) {
		at := begun.Add(time.Duration(n) * time.Second / formRate)
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			return sent, ctx.Err()
		}
		under.Go(func() {
			status, wrong := g.sendForm(ctx, clients[n%addresses])
			took := time.Since(at)
			lock.Lock()
			defer lock.Unlock()
			switch {
			case status == http.StatusTooManyRequests:
				sent.limited++
			case wrong != nil:
				err = wrong
			default:
				sent.taken++
				sent.waits = append(sent.waits, took)
			}
		})
	}
	under.Wait()
	g.answered += sent.taken
	return sent, err
}

// sendForm sends one form as a page does.
func (g *gateway) sendForm(ctx context.Context, client *http.Client) (status int, err error) {
	fields := url.Values{"email": {"ada@example.com"}, "message": {"Think " + stub.Slowly + "."}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.address+"/f/"+formKey, strings.NewReader(fields.Encode()))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", formOrigin)
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("a form was answered with %s: %s", response.Status, answer)
	}
	return response.StatusCode, err
}
