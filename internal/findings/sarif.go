package findings

import (
	"encoding/json"
	"net/url"
	"path"
	"strings"
)

// The parts of SARIF 2.1.0 that are written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		Invocations       []sarifInvocation `json:"invocations"`
		AutomationDetails sarifID           `json:"automationDetails"`
		Results           []sarifResult     `json:"results"`
		Properties        map[string]string `json:"properties,omitempty"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string            `json:"id"`
		ShortDescription sarifText         `json:"shortDescription"`
		Properties       map[string]string `json:"properties"`
	}
	sarifID struct {
		ID string `json:"id"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

// securitySeverity is how GitHub's code scanning ranks the rules.
var securitySeverity = map[string]string{Critical: "9.5", High: "8.0", Medium: "5.0", Low: "2.0", Info: "0.0"}

// noFile is where a finding without a file is said to be: GitHub refuses a log that has a result without a place.
const noFile = "no-file"

// SARIF writes an answer as a SARIF 2.1.0 log. The rules are the severities. Why there are no findings, or the gate
// fails, is a notification of the invocation.
func SARIF(a Answer) []byte {
	run := sarifRun{
		AutomationDetails: sarifID{visible(a.Agent) + "/" + a.RunID},
		Results:           make([]sarifResult, len(a.Report.Findings)),
	}
	run.Tool.Driver = sarifDriver{Name: "Beckon"}
	index := map[string]int{}
	for i, severity := range Severities() {
		index[severity] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID:               severity,
			ShortDescription: sarifText{"A finding of severity " + severity},
			Properties:       map[string]string{"security-severity": securitySeverity[severity]},
		})
	}
	for i, f := range a.Report.Findings {
		run.Results[i] = f.result(index[f.severity()])
	}
	invocation := sarifInvocation{ExecutionSuccessful: a.trouble() == ""}
	if trouble := a.trouble(); trouble != "" {
		invocation.Notifications = []sarifNotification{{"error", sarifText{visible(trouble)}}}
	} else if a.Verdict == "fail" {
		invocation.Notifications = []sarifNotification{{"error", sarifText{visible(a.Reason)}}}
	}
	run.Invocations = []sarifInvocation{invocation}
	if a.Verdict != "" {
		run.Properties = map[string]string{"verdict": a.Verdict}
	}
	// of types that can be written
	text, _ := json.Marshal(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
	return append(text, '\n')
}

func (f Finding) result(rule int) sarifResult {
	text := visible(f.Title)
	if detail := visible(f.Detail); detail != "" {
		text = strings.TrimSpace(text + "\n\n" + detail)
	}
	at := sarifPhysical{Artifact: sarifArtifact{noFile}}
	if f.File != "" {
		at.Artifact.URI = (&url.URL{Path: filePath(f.File)}).String()
	}
	if f.Line > 0 {
		at.Region = &sarifRegion{f.Line}
	}
	return sarifResult{
		RuleID:    f.severity(),
		RuleIndex: rule,
		Level:     f.level(),
		Message:   sarifText{inSARIF.Replace(text)},
		Locations: []sarifLocation{{at}},
	}
}

// inSARIF keeps [text](link) and {0} of a message from being a link and a placeholder.
var inSARIF = strings.NewReplacer("[", `\[`, "]", `\]`, `\`, `\\`, "{", "{{", "}", "}}")

// filePath is the path of a file within the repository, with slashes, and never out of it.
func filePath(file string) string {
	file = strings.ReplaceAll(visible(file), `\`, "/")
	if file == "" {
		return ""
	}
	return strings.TrimPrefix(path.Clean("/"+file), "/")
}
