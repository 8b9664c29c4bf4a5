package findings

import (
	"fmt"
	"strings"
)

// commandOf is the workflow command of a level.
var commandOf = map[string]string{"error": "error", "warning": "warning", "note": "notice"}

// GitHub writes an answer as workflow commands of GitHub Actions, a line for each finding. Where the gate fails or
// there are no findings, the last line is an error that says why.
func GitHub(a Answer) []byte {
	var b strings.Builder
	for _, f := range a.Report.Findings {
		var where []string
		if f.File != "" {
			where = append(where, "file="+property(filePath(f.File)))
		}
		if f.Line > 0 {
			where = append(where, fmt.Sprintf("line=%d", f.Line))
		}
		where = append(where, "title="+property(f.Title))
		text := f.Detail
		if visible(text) == "" {
			text = f.Title
		}
		fmt.Fprintf(&b, "::%s %s::%s\n", commandOf[f.level()], strings.Join(where, ","), message(text))
	}
	switch trouble := a.trouble(); {
	case trouble != "":
		fmt.Fprintf(&b, "::error title=%s::%s\n", property(a.Agent), message(trouble))
	case a.Verdict == "fail":
		fmt.Fprintf(&b, "::error title=Gate of %s::%s\n", property(a.Agent), message(a.Reason))
	}
	return []byte(b.String())
}

var (
	inMessage  = strings.NewReplacer("%", "%25")
	inProperty = strings.NewReplacer("%", "%25", ":", "%3A", ",", "%2C")
)

// message escapes the text of a command, as GitHub's toolkit does. It is one line.
func message(text string) string { return inMessage.Replace(visible(text)) }

// property escapes the value of a property of a command.
func property(text string) string { return inProperty.Replace(visible(text)) }
