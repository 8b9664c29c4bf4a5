package config

import (
	"slices"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Whoever may edit providers on the page or by the API could send a variable of the environment to a server of their own, by
// naming it in a provider's key. So only the variables that admin.variables lists can be named there, and nowhere else is one
// looked up for what the database keeps.

// WithKey returns a provider with the key that its ${NAME} stands for, as the catalog has it. A key of another form stays as
// it is, and so does that of a provider that the file declares. The error is an Invalid that names the variable.
func (c *Config) WithKey(p agents.Provider, env Env) (agents.Provider, error) {
	if indexOf(c.Providers, p.ID) >= 0 {
		return p, nil
	}
	key, wrong, _ := c.keyOf(p, env)
	if err := wrong.Err(); err != nil {
		return p, err
	}
	p.APIKey = key
	return p, nil
}

// keyOf returns the key of a provider of the database: its own, or the value of the variable that it names. caution says why
// it cannot name that variable for another URL.
func (c *Config) keyOf(p agents.Provider, env Env) (key secret.String, wrong, caution problem.Fields) {
	name, ok := p.APIKey.Reference()
	if !ok {
		return p.APIKey, nil, nil
	}
	if listed := slices.Contains(c.Admin.Variables, name); !listed {
		switch p.Exempt {
		case agents.ExemptFirstStart:
		case agents.ExemptEarlier:
			caution.Add("apiKey", "admin.variables does not list the variable %s. It goes on to work for this URL only: list it there, or give the key itself", name)
		default:
			wrong.Add("apiKey", "admin.variables does not list the variable %s, so that it cannot be used here: list it there, or give the key itself", name)
			return "", wrong, nil
		}
	}
	value, _ := env(name)
	if value == "" {
		wrong.Add("apiKey", "the variable %s is not set", name)
	}
	return secret.String(value), wrong, caution
}
