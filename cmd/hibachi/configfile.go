package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hibachi/cmd/hibachi/config"
	"hibachi/cmd/hibachi/server"
)

// configFlags are --config and a flag for each key that has one.
type configFlags struct {
	file  string
	given map[string]string // by the flag's name; filled when the arguments are parsed
}

func (f *configFlags) add(c *cobra.Command) {
	f.given = map[string]string{}
	c.Flags().StringVar(&f.file, "config", "", "`FILE` of settings (hibachi config check reads it too); flags win over it")
	for _, k := range config.Keys() {
		if k.Flag == "" {
			continue
		}
		flag := c.Flags().VarPF(&keyFlag{k, f.given}, k.Flag, "", usage(k))
		if k.IsSwitch() {
			flag.NoOptDefVal = "true"
		}
	}
}

// usage is a key's help for a terminal. The back quotes of the documents mean something to pflag: only those around FILE stay.
func usage(k *config.Key) string {
	if file, rest, ok := strings.Cut(k.Help, "`FILE`"); ok {
		return file + "`FILE`" + strings.ReplaceAll(rest, "`", "")
	}
	return strings.ReplaceAll(k.Help, "`", "")
}

// keyFlag is a key on the command line. Its value is looked at together with the file's.
type keyFlag struct {
	key   *config.Key
	given map[string]string
}

func (f *keyFlag) Set(text string) error {
	f.given[f.key.Flag] = text
	return nil
}

func (f *keyFlag) String() string {
	if f.key == nil { // as pflag asks for the zero value
		return ""
	}
	if text, ok := f.given[f.key.Flag]; ok {
		return text
	}
	return f.key.Default
}

func (f *keyFlag) Type() string {
	if f.key.IsSwitch() {
		return "bool"
	}
	return "string"
}

// read gives what file and flags say. What is wrong with them is the error: config.Problems, all of it.
func (f *configFlags) read() (*config.Settings, error) {
	s, err := config.Read(f.file, f.given)
	if err != nil {
		return nil, err
	}
	return s, checked(s)
}

// checked adds to the problems of s what the server will not do.
func checked(s *config.Settings) error {
	var conflict *server.Conflict
	if err := serverOptions(s.Config).Validate(); errors.As(err, &conflict) {
		s.Refuse(conflict.Error(), conflict.Options...)
	} else if err != nil {
		return err
	}
	return s.Err()
}

// told prints what is wrong in a file as compilers do, each problem at the beginning of a line, and gives an error that counts them. What
// is wrong with flags alone is a usageError.
func told(c *cobra.Command, err error) error {
	var problems config.Problems
	switch {
	case !errors.As(err, &problems):
		return err
	case problems.OfFlags():
		return usageError{err}
	}
	fmt.Fprintln(c.ErrOrStderr(), problems)
	if len(problems) == 1 {
		return errors.New("the configuration has a mistake")
	}
	return fmt.Errorf("the configuration has %d mistakes", len(problems))
}

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check a configuration, or show the one that would be in force",
		Long: `Works on the file that "hibachi serve --config FILE" reads. Starts nothing and touches nothing; a broker that runs reads its file
again on SIGHUP.`,
	}
	c.AddCommand(configCheckCommand(), configShowCommand())
	return c
}

func configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE",
		Short:   "Say ok, or everything that is wrong with a configuration file",
		Example: "  hibachi config check /etc/hibachi.yaml && kill -HUP $(pidof hibachi)",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := (&configFlags{file: args[0]}).read(); err != nil {
				return told(c, err)
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "ok")
			return err
		},
	}
}

func configShowCommand() *cobra.Command {
	var f configFlags
	c := &cobra.Command{
		Use:   "show",
		Short: "Print every setting with its value, where that comes from, and the memory that all of it allows",
		Example: `  hibachi config show
  hibachi config show --config /etc/hibachi.yaml --log-level debug`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := f.read()
			if err != nil {
				return told(c, err)
			}
			_, err = fmt.Fprint(c.OutOrStdout(), s.Show())
			return err
		},
	}
	f.add(c)
	return c
}
