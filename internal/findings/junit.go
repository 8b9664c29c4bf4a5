package findings

import (
	"bytes"
	"encoding/xml"
)

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string       `xml:"name,attr"`
		ClassName string       `xml:"classname,attr"`
		File      string       `xml:"file,attr,omitempty"`
		Line      int          `xml:"line,attr,omitempty"`
		Skipped   *junitResult `xml:"skipped"`
		Error     *junitResult `xml:"error"`
		Failure   *junitResult `xml:"failure"`
	}
	junitResult struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes an answer as JUnit XML. Each finding is a test case: one that is low or info is skipped, and any
// other has failed. The gate is a test case of its own. An answer without findings is a failed test case, and a run
// without an answer one with an error.
func JUnit(a Answer) []byte {
	suite := junitSuite{Name: visible(a.Agent)}
	add := func(c junitCase) {
		c.ClassName = suite.Name
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	answer := junitCase{Name: "answer"}
	if trouble := visible(a.trouble()); a.Failure != "" {
		answer.Error = &junitResult{Message: trouble, Type: "run", Text: trouble}
	} else if trouble != "" {
		answer.Failure = &junitResult{Message: trouble, Type: "answer", Text: trouble}
	}
	add(answer)
	for _, f := range a.Report.Findings {
		add(f.testCase())
	}
	if a.Verdict != "" {
		gate := junitCase{Name: "gate"}
		if a.Verdict == "fail" {
			gate.Failure = &junitResult{Message: visible(a.Reason), Type: "gate", Text: visible(a.Reason)}
		}
		add(gate)
	}
	suites := junitSuites{
		Name:     "Beckon",
		Tests:    suite.Tests,
		Failures: suite.Failures,
		Errors:   suite.Errors,
		Suites:   []junitSuite{suite},
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	encoder := xml.NewEncoder(&b)
	encoder.Indent("", "  ")
	_ = encoder.Encode(suites) // into memory, and of types that can be written
	b.WriteByte('\n')
	return b.Bytes()
}

func (f Finding) testCase() junitCase {
	c := junitCase{Name: f.severity() + ": " + visible(f.Title), File: filePath(f.File), Line: f.Line}
	if f.File != "" {
		c.Name += " (" + visible(f.place()) + ")"
	}
	result := &junitResult{Message: visible(f.Title), Type: f.severity(), Text: visible(f.Detail)}
	if f.level() == "note" {
		result.Type, result.Text = "", "" // skipped has a message alone
		c.Skipped = result
	} else {
		c.Failure = result
	}
	return c
}
