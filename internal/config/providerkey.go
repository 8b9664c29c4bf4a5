package config

import (
	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// WithKey returns a provider with the key that its ${…_API_KEY} stands for, as the catalog has it. A key of another form
// stays as it is. The error is an Invalid that names the variable.
func WithKey(p agents.Provider, env Env) (agents.Provider, error) {
	if !p.APIKey.IsReference() {
		return p, nil
	}
	var wrong problem.Fields
	m := keyReference.FindStringSubmatch(p.APIKey.Reveal())
	if m == nil {
		wrong.Add("apiKey", "can refer to a variable only if the variable's name ends in _API_KEY")
		return p, wrong.Err()
	}
	value, _ := env(m[1])
	if value == "" {
		wrong.Add("apiKey", "the variable %s is not set", m[1])
		return p, wrong.Err()
	}
	p.APIKey = secret.String(value)
	return p, nil
}
