package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/internal/secret"
)

func TestExpand(t *testing.T) {
	env := vars{"A": "one", "EMPTY": "", "NESTED": "<${A}>", "N": "7", "TRUE": "true", "NULL": "null",
		"STRUCTURE": "x\ntoken: y", "DOLLAR": "a$b$$c", "ESCAPED": "$${A}"}
	for written, want := range map[string]string{
		`x ${A} y`:                    "x one y",
		`${A}${A}`:                    "oneone",
		`${MISSING:-two}`:             "two",
		`${EMPTY:-two}`:               "two",
		`x${EMPTY}`:                   "x",
		`${MISSING:-}x`:               "x",
		`${A:-two}`:                   "one",
		`${MISSING:-${A}}`:            "one",
		`${MISSING:-${GONE:-${A}}!}`:  "one!",
		`${NESTED}`:                   "<one>",
		`$${A} costs $5 and $A`:       "${A} costs $5 and $A",
		`$$${A}`:                      "$${A}",
		`${MISSING:-$${A}}`:           "${A}",
		`${DOLLAR}`:                   "a$b$$c",
		`${ESCAPED}`:                  "${A}",
		`${STRUCTURE}`:                "x\ntoken: y",
		`${N}`:                        "7",
		`${NULL}`:                     "null",
		`${TRUE}`:                     "true",
		`{{ if .body }}${A}{{ end }}`: "{{ if .body }}one{{ end }}",
		`ends with $`:                 "ends with $",
	} {
		t.Run(written, func(t *testing.T) {
			for _, quote := range []string{"'", `"`} {
				c := load(t, "commands: [{id: x, prompt: "+quote+written+quote+"}]", env)
				require.Equal(t, want, declared[commands.Command](c)[0].Prompt)
			}
		})
	}
}

func TestUnquotedValuesTakeTheTypeOfTheVariable(t *testing.T) {
	env := vars{"N": "7", "NO": "false", "HALF": "0.5", "EMPTY": "", "SIZE": "2MiB", "NULL": "null"}
	c := load(t, `
commands:
  - id: x
    prompt: ${NULL}
server:
  maxConcurrent: ${N}
  maxBodyBytes: ${SIZE}
log:
  level: ${EMPTY}
agents:
  - id: a
    provider: p
    temperature: ${HALF}
    maxTokens: ${EMPTY}
clients:
  - id: c
    token: ${N}
    passthrough: true
    enabled: ${NO}
    allowedAgents: [a]
`, env)
	require.Equal(t, "null", declared[commands.Command](c)[0].Prompt, "a text is a text")
	require.Equal(t, 7, c.Server.MaxConcurrent)
	require.EqualValues(t, 2<<20, c.Server.MaxBodyBytes)
	require.Equal(t, "info", c.Log.Level)
	require.InDelta(t, 0.5, *declared[agents.Agent](c)[0].Temperature, 0)
	require.Zero(t, declared[agents.Agent](c)[0].MaxTokens)
	require.False(t, *declared[clients.Client](c)[0].Enabled)
	require.Equal(t, "7", declared[clients.Client](c)[0].Token.Reveal())

	quoted := load(t, `server: {maxConcurrent: "${N}", maxQueued: '${M:-9}'}`, env)
	require.Equal(t, []int{7, 9}, []int{quoted.Server.MaxConcurrent, quoted.Server.MaxQueued})
	require.Equal(t, []string{"config.yaml:1: server.maxConcurrent: must be a whole number"},
		complaints(t, `server: {maxConcurrent: "${M:-many}"}`, env))
}

func TestKeysAreNotExpanded(t *testing.T) {
	require.Equal(t, []string{`config.yaml:1: there is no key "${A}" here; there are server, database, admin, log, egress, retention, artifacts, share, smtp, skills, prices, toolServers, providers, agents, flows, commands, clients, endpoints`},
		complaints(t, `"${A}": {}`, vars{"A": "log"}))
}

func TestMistakesInReferences(t *testing.T) {
	env := vars{"A": "${B}", "B": "${C}", "C": "${A}", "SELF": "x${SELF}", "WANTS": "${GONE}", "OPEN": "s3cret${", "D0": "end"}
	for i := range 30 {
		env[fmt.Sprintf("D%d", i+1)] = fmt.Sprintf("${D%d}", i)
		env[fmt.Sprintf("BOMB%d", i+1)] = fmt.Sprintf("${BOMB%d}${BOMB%[1]d}", i)
	}
	env["BOMB0"], env["LARGE"] = "", strings.Repeat("x", 600_000)
	const literal = "write $${ for a ${ that is meant literally"
	for written, want := range map[string]string{
		"${GONE}":          "${GONE} is not set: set the variable, or give a default as in ${GONE:-default}",
		"x ${WANTS}":       "${WANTS} refers to ${GONE}, which is not set: set that variable, or " + literal,
		"${A}":             "the variables refer to each other in a circle: ${A} → ${B} → ${C} → ${A}",
		"${NONE:-${B}}":    "the variables refer to each other in a circle: ${B} → ${C} → ${A} → ${B}",
		"${SELF}":          "the variables refer to each other in a circle: ${SELF} → ${SELF}",
		"${open":           "a ${ is not closed by a }; " + literal,
		"${OPEN}":          "a ${ is not closed by a }; " + literal,
		"${}":              "only ${NAME} and ${NAME:-default} are understood; " + literal,
		"${NAME-default}":  "only ${NAME} and ${NAME:-default} are understood; " + literal,
		"${1X}":            "only ${NAME} and ${NAME:-default} are understood; " + literal,
		"${D30}":           "${D30} refers to variables that refer to variables, more than 20 deep",
		"${BOMB15}":        "its variables expand to too much",
		"${LARGE}${LARGE}": "its variables expand to too much",
	} {
		t.Run(written, func(t *testing.T) {
			require.Equal(t, []string{"config.yaml:3: commands[0].prompt: " + want},
				complaints(t, "commands:\n  - id: x\n    prompt: '"+written+"'\n", env))
		})
	}
}

func TestNoMistakeShowsASecret(t *testing.T) {
	env := vars{"KEY": `s3cret-"quoted"`, "PLAIN": "s3cret-plain"}
	for _, content := range []string{
		"server: {address: '${PLAIN}', publicURL: '${PLAIN}', maxBodyBytes: '${PLAIN}', shutdownGrace: '${PLAIN}', maxConcurrent: '${PLAIN}'}",
		"agents: [{id: '${KEY}', provider: '${PLAIN}'}]",
		"providers: [{id: p, type: '${KEY}', apiKey: {a: s3cret-plain}}]",
		"flows: [{id: f, root: {type: '${PLAIN}'}}, {id: g, root: {type: agent, agentId: '${KEY}'}}]",
		"clients: [{id: a, token: s3cret-plain, allowedAgents: [s3cret-plain]}]",
		"clients: [{id: a, token: 's3cret plain'}, {id: '${PLAIN}', token: '${PLAIN}'}, {id: c, token: '${PLAIN}'}]",
		"endpoints: [{id: e, url: 'http://s3cret:x@host', signature: '${KEY}', retry: '${PLAIN}', secret: [s3cret]}]",
		"database: {url: 'mysql://root:s3cret@host'}",
		"admin: {token: '${MISSING:-s3cret}', password: '${s3cret!}', token: 1}",
		"log: {level: '${GONE:-s3cret-default}', format: '${PLAIN:-s3cret}'}",
	} {
		found := complaints(t, content, env)
		require.NotEmpty(t, found, content)
		require.NotContains(t, strings.Join(found, "\n"), "s3cret")
	}
}

func TestHiddenValuesAreTakenOut(t *testing.T) {
	found := newFindings("f")
	found.hidden.Hide(`s3cret"x`, "${LONG}")
	found.hidden.Hide("s3cret", "${SHORT}")
	found.hidden.Hide("abcde", "${TOO_SHORT}")
	found.hidden.Hide("abcd", secret.Mask)
	clean := found.hidden.Cleaner()
	for text, want := range map[string]string{
		`is s3cret"x`: "is ${LONG}", fmt.Sprintf("is %q", `s3cret"x`): `is "${LONG}"`, "s3crets3cret": "${SHORT}${SHORT}",
		"abcde": "•••e", "nothing": "nothing",
	} {
		require.Equal(t, want, clean(text))
	}
}
