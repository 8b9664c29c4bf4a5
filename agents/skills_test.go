package agents_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/skills"
)

func library(t *testing.T, files map[string]string) *skills.Library {
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	l, err := skills.Read(folder)
	require.NoError(t, err)
	return l
}

func TestAnAgentLoadsItsSkills(t *testing.T) {
	f := factories()
	f.Skills = library(t, map[string]string{
		"refunds/SKILL.md":  "---\nname: refunds\ndescription: When {{ money }} goes back\n---\nAsk first.",
		"refunds/policy.md": "30 days.",
		"letters/SKILL.md":  "---\nname: letters\ndescription: How to write\n---\nBe brief.",
		"others/SKILL.md":   "---\nname: others\ndescription: Not for this agent\n---\nSecret.",
	})
	var prompts []string
	var offered []agents.Tool
	f.Providers["echo"] = func(_ agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
		prompts = append(prompts, a.SystemPrompt)
		return invokerFunc(func(_ context.Context, call agents.Call) (agents.Result, error) {
			offered = call.Tools
			return agents.Result{Output: "A"}, nil
		}), nil
	}
	set, findings := agents.NewSet(f, []agents.Provider{{ID: "p", Type: "echo"}, {ID: "q", Type: "echo"}}, []agents.Agent{
		{ID: "a", Provider: "p", SystemPrompt: "Help.\n", Skills: []string{"refunds", "letters"}, Fallbacks: []agents.Fallback{{Provider: "q"}}},
		{ID: "b", Provider: "p", SystemPrompt: "Help."},
	}, nil)
	require.Empty(t, findings)
	listed := "Help.\n\nYou have skills. Before you begin a task that one of them is about, load it with the tool skill__load.\n\n" +
		"- refunds: When {{\"{{\"}} money }} goes back\n- letters: How to write"
	require.Equal(t, []string{listed, listed, "Help."}, prompts)
	instructions, err := agents.ParseInstructions(listed)
	require.NoError(t, err)
	text, err := instructions.Render(agents.Call{})
	require.NoError(t, err)
	require.Contains(t, text, "refunds: When {{ money }} goes back")

	own := agents.Tool{Name: "get_state"}
	_, err = set.Get("a").Invoker.Invoke(t.Context(), agents.Call{Tools: []agents.Tool{own}})
	require.NoError(t, err)
	require.Len(t, offered, 2)
	load := offered[1]
	require.Equal(t, "skill__load", load.Name)
	require.True(t, json.Valid(load.Parameters))
	for arguments, want := range map[string]string{
		`{"name":"refunds"}`:                              "Ask first.\n\nOther files of this skill, to be loaded by file: policy.md",
		`{"name":"refunds","file":"policy.md"}`:           "30 days.",
		`{"name":"refunds","file":"SKILL.md"}`:            "Ask first.\n\nOther files of this skill, to be loaded by file: policy.md",
		`{"name":"letters"}`:                              "Be brief.",
		`{"name":"refunds","file":"../letters/SKILL.md"}`: `error: the skill refunds has no file "../letters/SKILL.md"; there is policy.md`,
		`{"name":"letters","file":"x"}`:                   `error: the skill letters has no file "x"; there is none but its instructions`,
		`{"name":"others"}`:                               `error: you have no skill "others"; the names stand in your instructions`,
		`[]`:                                              `error: the arguments must be an object like {"name": "refunds"}`,
	} {
		told, err := load.Use(t.Context(), json.RawMessage(arguments))
		if err != nil {
			told = "error: " + err.Error()
		}
		require.Equal(t, want, told, arguments)
	}
	_, err = set.Get("b").Invoker.Invoke(t.Context(), agents.Call{})
	require.NoError(t, err)
	require.Empty(t, offered)
}

type invokerFunc func(context.Context, agents.Call) (agents.Result, error)

func (f invokerFunc) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	return f(ctx, call)
}

func TestSkillsThatDoNotExist(t *testing.T) {
	f := factories()
	list := []agents.Agent{{ID: "a", Provider: "p", Skills: []string{"refunds", "gone", "refunds"}}}
	_, findings := agents.NewSet(f, []agents.Provider{{ID: "p", Type: "echo"}}, list, nil)
	require.Equal(t, problem.Field{Path: "skills[0]", Message: `there is no skill "refunds": skills.path names no folder with skills`}, findings[0].Fields[0])
	f.Skills = library(t, map[string]string{"refunds/SKILL.md": "---\nname: refunds\ndescription: x\n---\n"})
	_, findings = agents.NewSet(f, []agents.Provider{{ID: "p", Type: "echo"}}, list, nil)
	require.Equal(t, problem.Fields{{Path: "skills[1]", Message: `there is no skill "gone"; there are refunds`}, {Path: "skills[2]", Message: `"refunds" is there twice`}}, findings[0].Fields)
	require.Contains(t, agents.Agent{ID: "a", Kind: "http", Skills: []string{"x"}}.Check().Err().Error(), "skills: is for agents of kind chat, not http")
}
