package templates

import "ideco-agent/agent"

// hostileConditions returns one of each condition with arguments that a stranger may have chosen.
func hostileConditions() (list []agent.Condition) {
	for _, code := range agent.ConditionCodes {
		list = append(list, agent.Condition{Code: code, Severity: agent.SeverityBad, Args: map[string]string{"Name": hostile, "Interfaces": hostile,
			"Networks": hostile, "Servers": hostile, "Flowtable": hostile, "ID": "7"}})
	}
	return list
}
