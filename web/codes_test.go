package web_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/web"
)

// sharedCodes are the constants of problem that are codes, by their names.
func sharedCodes(t *testing.T) map[string]string {
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/problem/codes.go", nil, 0)
	require.NoError(t, err)
	codes := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			codes[spec.Names[0].Name] = code
		}
		return true
	})
	require.NotEmpty(t, codes)
	return codes
}

// Each code that a call can be refused with, or a run can fail with, is explained on a page and used somewhere.
func TestEveryCodeIsExplained(t *testing.T) {
	notAFailure := map[string]bool{
		problem.CodeCanceled:        true, // somebody wanted it
		problem.CodeProviderSkipped: true, // the reason of an attempt, never of a run
	}
	var source strings.Builder
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if entry.IsDir() && (entry.Name() == "web" || entry.Name() == "node_modules" || entry.Name() == "bench") {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || entry.Name() == "codes.go" {
			return err
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		room := strings.Split(filepath.ToSlash(path), "/")[1]
		if room == "calls" || room == "clients" || room == "runs" || room == "server" && !strings.HasPrefix(entry.Name(), "admin") {
			require.NotRegexp(t, `problem\.New\(problem\.\w+, "`, string(text), "%s: a code that callers see has a constant", path)
		}
		return err
	})
	require.NoError(t, err)
	for name, code := range sharedCodes(t) {
		require.Contains(t, source.String(), "problem."+name, "nothing uses the code %s", code)
		require.True(t, notAFailure[code] || web.Explains(code), "no page explains the code %s", code)
		require.NotContains(t, source.String(), `, "`+code+`",`, "the code %s has a constant", code)
	}
}
