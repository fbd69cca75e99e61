using System.CommandLine;
using Grid.Server.Configuration;

namespace Grid.Server.Serving;

/// <summary><c>grid serve</c>: runs a silo until it is told to stop.</summary>
internal static class ServeVerb
{
    public static Command Create()
    {
        Option<string?> config = new("--config") { Description = "The configuration file. Default: silo.json of the current directory, otherwise the one beside the binary.", HelpName = "FILE" };
        Option<string[]> set = new("--set") { Description = "Overrides a key of the configuration, for instance --set Grid:ShardCount=16; --Grid:ShardCount=16 does the same.", HelpName = "SECTION:KEY=VALUE" };
        Option<int?> siloPort = new("--silo-port") { Description = "Port for other silos (Silo:SiloPort).", HelpName = "PORT" };
        Option<int?> gatewayPort = new("--gateway-port") { Description = "Port for clients (Silo:GatewayPort).", HelpName = "PORT" };
        Option<string?> name = new("--name") { Description = "The silo's name in status and logs (Silo:Name).", HelpName = "NAME" };
        Option<string?> first = new("--first") { Description = "The first silo's silo port, in development clustering (Clustering:FirstSilo).", HelpName = "HOST:PORT" };
        Command serve = new("serve", "Runs a silo until SIGTERM or Ctrl-C.") { config, set, siloPort, gatewayPort, name, first };
        serve.TreatUnmatchedTokensAsErrors = false;
        serve.SetAction((parsed, _) =>
        {
            Dictionary<string, string?> overrides = Overrides.Parse(parsed.GetValue(set) ?? [], parsed.UnmatchedTokens);
            Add(overrides, "Silo:SiloPort", parsed.GetValue(siloPort)?.ToString());
            Add(overrides, "Silo:GatewayPort", parsed.GetValue(gatewayPort)?.ToString());
            Add(overrides, "Silo:Name", parsed.GetValue(name));
            Add(overrides, "Clustering:FirstSilo", parsed.GetValue(first));
            return SiloProcess.RunAsync(ServerSettings.Read(ServerConfiguration.Load(parsed.GetValue(config), overrides)));
        });
        return serve;
    }

    private static void Add(Dictionary<string, string?> overrides, string key, string? value)
    {
        if (value is not null)
            overrides[key] = value;
    }
}
