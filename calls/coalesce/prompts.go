package coalesce

import (
	"fmt"
	"slices"

	"beckon/internal/fence"
)

// maxPrompts is about how many bytes the prompts of several calls have together.
const maxPrompts = 48_000

// joinPrompts writes the prompts of several calls below each other, each once, and counts those that do not fit.
func joinPrompts(prompts []fence.Text) (all fence.Text) {
	for i, prompt := range prompts {
		if slices.ContainsFunc(prompts[:i], func(before fence.Text) bool { return before.Text == prompt.Text }) {
			continue
		}
		if i > 0 && len(all.Text)+len(prompt.Text) > maxPrompts {
			all.AddOwn(fmt.Sprintf("\n\n%d more calls are not shown.", len(prompts)-i))
			break
		}
		if all.Text != "" {
			all.AddOwn("\n\n---\n\n")
		}
		all.Add(prompt)
	}
	return all
}
