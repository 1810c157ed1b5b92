//go:build !windows

package settings

func readKey(p Source) Setting { return Setting{Source: p} }

func readRestrictions() Restrictions { return Restrictions{} }
