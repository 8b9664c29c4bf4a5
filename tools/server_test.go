package tools_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/secret"
	"beckon/tools"
)

func TestServersAreChecked(t *testing.T) {
	require.NoError(t, tools.Server{ID: "docs", Command: []string{"mcp-docs"}, Env: map[string]secret.String{"A_B": "x"}}.Check().Err())
	require.NoError(t, tools.Server{ID: "docs", URL: "http://10.0.0.1/mcp", Headers: map[string]secret.String{"X-Key": "x"}}.Check().Err())
	for says, s := range map[string]tools.Server{
		"needs a command or a url":             {ID: "docs"},
		"url: cannot be there beside command":  {ID: "docs", Command: []string{"x"}, URL: "http://x/"},
		"id: http is kept for tools":           {ID: "http", URL: "http://x/"},
		"url: must be an http or https URL":    {ID: "docs", URL: "ftp://x/"},
		"use headers":                          {ID: "docs", URL: "http://a:b@x/"},
		"headers: host cannot be set":          {ID: "docs", URL: "http://x/", Headers: map[string]secret.String{"host": "x"}},
		"headers: are for a server with a url": {ID: "docs", Command: []string{"x"}, Headers: map[string]secret.String{"A": "x"}},
		"env: is for a server with a command":  {ID: "docs", URL: "http://x/", Env: map[string]secret.String{"A": "x"}},
		`env: "A-B" cannot be the name`:        {ID: "docs", Command: []string{"x"}, Env: map[string]secret.String{"A-B": "x"}},
		"secrets.A: must have 6 bytes":         {ID: "docs", URL: "http://x/", Secrets: map[string]secret.String{"A": "short"}},
		`"A B" cannot be the name`:             {ID: "docs", URL: "http://x/", Secrets: map[string]secret.String{"A B": "long enough"}},
		"command[1]: must not hold a zero":     {ID: "docs", Command: []string{"x", "\x00"}},
		"maxMemory: must be at least 64 MiB":   {ID: "docs", Command: []string{"x"}, Memory: 1},
		"timeout: must be between":             {ID: "docs", URL: "http://x/", Timeout: -1},
	} {
		require.ErrorContains(t, s.Check().Err(), says)
	}
}
