package coalesce

import (
	"fmt"
	"slices"
	"strings"
)

// maxPrompts is about how many bytes the prompts of several calls have together.
const maxPrompts = 48_000

// joinPrompts writes the prompts of several calls below each other, each once, and counts those that do not fit.
func joinPrompts(prompts []string) string {
	var b strings.Builder
	for i, prompt := range prompts {
		if slices.Contains(prompts[:i], prompt) {
			continue
		}
		if i > 0 && b.Len()+len(prompt) > maxPrompts {
			fmt.Fprintf(&b, "\n\n%d more calls are not shown.", len(prompts)-i)
			break
		}
		if b.Len() > 0 {
			b.WriteString("\n\n---\n\n")
		}
		b.WriteString(prompt)
	}
	return b.String()
}
