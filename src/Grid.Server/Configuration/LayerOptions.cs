using System.CommandLine;

namespace Grid.Server.Configuration;

/// <summary>The options by which a verb reads the configuration as <c>serve</c> does.</summary>
internal sealed class LayerOptions
{
    private readonly Option<string?> _config = new("--config") { Description = "The configuration file. Default: silo.json of the current directory, otherwise the one beside the binary.", HelpName = "FILE" };
    private readonly Option<string[]> _set = new("--set") { Description = "Overrides a key of the configuration, for instance --set Grid:ShardCount=16; --Grid:ShardCount=16 does the same.", HelpName = "SECTION:KEY=VALUE" };

    public void AddTo(Command command)
    {
        command.Add(_config);
        command.Add(_set);
        command.TreatUnmatchedTokensAsErrors = false;
    }

    /// <summary>Reads all layers, with <paramref name="more"/> over everything.</summary>
    /// <exception cref="CommandException">The file is missing or no JSON, or an argument is no key.</exception>
    public ServerConfiguration Load(ParseResult parsed, params IEnumerable<(string Key, string? Value)> more)
    {
        Dictionary<string, string?> overrides = Overrides.Parse(parsed.GetValue(_set) ?? [], parsed.UnmatchedTokens);
        foreach ((string key, string? value) in more.Where(pair => pair.Value is not null))
            overrides[key] = value;
        return ServerConfiguration.Load(parsed.GetValue(_config), overrides);
    }
}
