package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/catalog"
)

// FuzzLoad loads any text with secrets in the environment: it must end, must not panic, and no message, setting or
// export may show a secret.
func FuzzLoad(f *testing.F) {
	const marker = "m4rker-of-a-secret"
	env := vars{"S": marker, "SECRET": "x" + marker + "\"y", "A": "${B}", "B": "${A}", "N": "7", "T": "true", "EMPTY": "", "D": "${S}${N}",
		"BECKON_ADMIN_PASSWORD": marker + "-admin"}
	for name := range fullVars {
		env[name] = marker + name
	}
	seeds := []string{full, base, "", "# x", "a: &a [*a]", "x: &x {<<: *x}", "server: {address: '${S}', maxBodyBytes: '${SECRET}'}", "- a", "${S}: ${S}",
		"agents: [{id: '${S}', provider: '${D:-${A}}'}]", "flows:\n  - {id: f, root: {type: loop, until: '${S}'}}", "log:\n  level: |\n    ${S}\n",
		"endpoints: [{id: e, url: '${S}', retry: ['${S}', 5s]}]", "clients: [{id: c, token: '$${S}', template: '{{ ${S} }}'}]", "a: !!int ${S}", "a: 1\n---\nb: 1",
		"providers: &p [{id: a, type: '${N}'}]\nagents: *p", "%YAML 1.2\n---\n{}", "\ufeffserver: {}", "server:\n\taddress: 1", `"\x` + "\n", "? {a: b}\n: c"}
	if example, err := os.ReadFile(examplePath); err == nil {
		seeds = append(seeds, string(example))
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		found := newFindings(path)
		all := nouns(env)
		c := readData(path, data, env.get, all, found)
		var v *catalog.View
		if c != nil {
			v = all.View(c, clients.Client{ID: "stored", Passthrough: true, AllowedAgents: []string{"a"}})
			c.report(found, v.Mistakes())
		}
		if err := found.err(); err != nil {
			require.NotContains(t, err.Error(), marker)
			for _, m := range err.(*Error).Mistakes {
				require.LessOrEqual(t, m.Line, strings.Count(string(data), "\n")+strings.Count(string(data), "\r")+strings.Count(string(data), "\u2028")+
					strings.Count(string(data), "\u2029")+strings.Count(string(data), "\u0085")+1)
			}
			return
		}
		for _, s := range c.Settings() {
			if s.Key == "admin.password" || s.Key == "admin.token" || s.Key == "server.secretsKey" {
				require.NotContains(t, s.Value, marker)
			}
		}
		var out strings.Builder
		require.NoError(t, Export(&out, c, v))
		require.NotContains(t, out.String(), marker)
	})
}
