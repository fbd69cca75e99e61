using System.CommandLine;
using Grid.Server.Configuration;

namespace Grid.Server.Clusters;

/// <summary>The options by which every client verb finds its cluster.</summary>
internal sealed class ConnectOptions
{
    private readonly Option<string?> _config = new("--config") { Description = "The configuration file that names the cluster. Default: silo.json of the current directory, otherwise the one beside the binary.", HelpName = "FILE" };
    private readonly Option<string[]> _gateway = new("--gateway", "-g") { Description = "A silo's client port; may be given more than once. Default: by the configuration, 127.0.0.1:30000.", HelpName = "HOST:PORT" };
    private readonly Option<double> _timeout = new("--timeout") { Description = "Seconds to wait for the cluster, and for each operation.", HelpName = "SECONDS", DefaultValueFactory = _ => 5 };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "Write the client's warnings to standard error." };

    public ConnectOptions(double timeoutSeconds = 5)
    {
        _timeout.DefaultValueFactory = _ => timeoutSeconds;
        _timeout.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(_timeout) is not (>= 0.1 and <= 3600))
                result.AddError("--timeout is 0.1 to 3600 seconds.");
        });
    }

    public void AddTo(Command command)
    {
        command.Add(_config);
        command.Add(_gateway);
        command.Add(_timeout);
        command.Add(_verbose);
    }

    /// <summary>Connects.</summary>
    /// <exception cref="CommandException">The cluster cannot be reached, or the options are wrong.</exception>
    public Task<ClusterConnection> OpenAsync(ParseResult parsed, CancellationToken cancellation)
    {
        ServerSettings settings = ServerSettings.Read(ServerConfiguration.Load(parsed.GetValue(_config), new Dictionary<string, string?>()));
        ConnectPlan plan = ConnectPlan.Make(settings, parsed.GetValue(_gateway) ?? [], TimeSpan.FromSeconds(parsed.GetValue(_timeout)), parsed.GetValue(_verbose));
        return ClusterConnection.OpenAsync(plan, cancellation);
    }
}
