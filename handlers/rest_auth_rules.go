package handlers

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

func (s *Site) restRules(c echo.Context) error {
	rules, err := s.AuthRules.AuthRules(c.Request().Context())
	if err != nil {
		return err
	}
	out := []map[string]any{}
	for _, r := range rules {
		out = append(out, jsonOfRule(r))
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Site) restRuleAdd(c echo.Context) error {
	_, body, err := readObject(c)
	if err != nil {
		return err
	}
	r := agent.AuthRule{Enabled: true}
	if err := decodeFields(ruleFields(&r), body, nullableRuleFields...); err != nil {
		return err
	}
	id, err := s.addRule(c, r, nil)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"id": idText(id)}) // a string, as the vendor answers
}

func (s *Site) restRuleChange(c echo.Context, id agent.RuleID) error {
	_, body, err := readObject(c)
	if err != nil {
		return err
	}
	r, err := s.changeRule(c, id, func(r *agent.AuthRule) error {
		return decodeFields(ruleFields(r), body, nullableRuleFields...)
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, jsonOfRule(r))
}

func (s *Site) restRuleDelete(c echo.Context, id agent.RuleID) error {
	return doneREST(c, s.deleteRule(c, id))
}

// rule parses the number of a rule in the path and passes it to action.
func (s *Site) rule(action func(echo.Context, agent.RuleID) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		id, err := pathID[agent.RuleID](c)
		if err != nil {
			return err
		}
		return action(c, id)
	}
}

func jsonOfRule(r agent.AuthRule) map[string]any {
	out := ruleFields(&r)
	out["id"] = idText(r.ID)
	return out
}

var nullableRuleFields = []string{"ip", "mac"}

// ruleFields maps the names in REST to the fields of r, for encoding and decoding. Decoding ignores id, so an answer can be sent back.
func ruleFields(r *agent.AuthRule) map[string]any {
	return map[string]any{
		"id":            new(any),
		"enabled":       &r.Enabled,
		"ip":            (*ruleAddressField)(r),
		"mac":           (*ruleMACField)(r),
		"user_id":       (*userField)(&r.UserID),
		"always_logged": &r.Always,
		"comment":       (*cleanField)(&r.Comment),
	}
}

// ruleAddressField is the address of a rule, or null for none.
type ruleAddressField agent.AuthRule

func (f *ruleAddressField) MarshalJSON() ([]byte, error) {
	if !f.Address.IsValid() {
		return []byte("null"), nil
	}
	return json.Marshal(f.Address)
}

func (f *ruleAddressField) UnmarshalJSON(b []byte) error {
	var text string // null leaves it empty
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	address, problem := agent.ParseRuleAddress(text)
	f.Address = address
	return asError(problem)
}

// ruleMACField is the MAC of a rule, or null for none.
type ruleMACField agent.AuthRule

func (f *ruleMACField) MarshalJSON() ([]byte, error) {
	if f.MAC == "" {
		return []byte("null"), nil
	}
	return json.Marshal(f.MAC)
}

func (f *ruleMACField) UnmarshalJSON(b []byte) error {
	var text string // null leaves it empty
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	mac, problem := agent.ParseRuleMAC(text)
	f.MAC = mac
	return asError(problem)
}

// userField is the number of an account. It also decodes from a string, as the vendor's lists have it.
type userField agent.UserID

func (f *userField) UnmarshalJSON(b []byte) error {
	if text := string(b); len(text) > 2 && strings.HasPrefix(text, `"`) {
		b = []byte(strings.Trim(text, `"`))
	}
	var id int64
	if err := json.Unmarshal(b, &id); err != nil {
		return agent.Problem{Field: "user_id", Code: "field_rule_user"}
	}
	*f = userField(id)
	return nil
}
