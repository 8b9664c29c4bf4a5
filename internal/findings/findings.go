// Package findings reads the answers of agents whose output has the schema "findings", and writes them in the forms
// that pipelines show: Markdown, SARIF, JUnit XML and GitHub's workflow commands.
//
// What stands in an answer comes from a model, and may repeat what strangers wrote. Whatever the form, a text of an
// answer stays a text in it: it cannot begin a workflow command, a tag, a link or a mention.
package findings

import (
	"encoding/json"
	"slices"
)

// The severities, the worst first.
const (
	Critical = "critical"
	High     = "high"
	Medium   = "medium"
	Low      = "low"
	Info     = "info"
)

// Severities returns all of them, the worst first.
func Severities() []string { return []string{Critical, High, Medium, Low, Info} }

// Report is the data of an answer.
type Report struct {
	Summary  string    `json:"summary"`
	Verdict  string    `json:"verdict"` // the model's own; a gate decides on the run's
	Findings []Finding `json:"findings"`
}

// Finding is one thing that was found.
type Finding struct {
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Detail   string `json:"detail"`
	File     string `json:"file"` // a path within what was looked at; empty where it is about no file
	Line     int    `json:"line"` // from 1; 0 where it is about no line
}

// Read reads the data of an answer. It returns false for data that has no findings.
func Read(data json.RawMessage) (r Report, ok bool) {
	var read struct {
		Report
		Findings *[]struct {
			Finding
			Line float64 `json:"line"` // 14.0 is a whole number, too
		} `json:"findings"`
	}
	if json.Unmarshal(data, &read) != nil || read.Findings == nil {
		return Report{}, false
	}
	r = read.Report
	r.Findings = make([]Finding, len(*read.Findings))
	for i, f := range *read.Findings {
		r.Findings[i] = f.Finding
		if f.File != "" && f.Line >= 1 && f.Line <= maxLine {
			r.Findings[i].Line = int(f.Line)
		}
	}
	return r, true
}

// maxLine is the last line that a finding can be about.
const maxLine = 1 << 30

// level is how bad a finding is in words of SARIF: error, warning or note. An unknown severity is a warning.
func (f Finding) level() string {
	switch f.Severity {
	case Critical, High:
		return "error"
	case Low, Info:
		return "note"
	}
	return "warning"
}

// severity is the severity, or medium where that is unknown.
func (f Finding) severity() string {
	if slices.Contains(Severities(), f.Severity) {
		return f.Severity
	}
	return Medium
}

// Answer is a run that has ended, as it is rendered.
type Answer struct {
	RunID   string
	Agent   string // the agent or flow
	Text    string // the response
	Failure string // why there is no answer; empty where there is one
	Verdict string // "pass" or "fail", by the gate; empty without one
	Reason  string // why the verdict is what it is
	Report  Report
	// HasReport is false for an answer without findings.
	HasReport bool
}

// trouble says why there are no findings; empty where there are, or may be none.
func (a Answer) trouble() string {
	switch {
	case a.Failure != "":
		return a.Failure
	case !a.HasReport && a.Verdict == "fail" && a.Reason != "":
		return a.Reason
	case !a.HasReport:
		return "The answer has no findings. Give the agent output: {schema: findings}."
	}
	return ""
}

// Format is a form in which an answer is rendered.
type Format struct {
	MediaType string
	Render    func(Answer) []byte
}

// Formats are those that exist.
func Formats() []Format {
	return []Format{
		{"text/markdown", Markdown},
		{"application/sarif+json", SARIF},
		{"application/junit+xml", JUnit},
		{"text/x-github", GitHub},
	}
}
