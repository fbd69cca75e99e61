using System.Net;
using Grid.Server.Stores;
using Grid.Server.Telemetry;
using Grid.Silo;

namespace Grid.Server.Configuration;

/// <summary>Who the silo is and where it listens: section <c>Silo</c>.</summary>
internal sealed class SiloSettings
{
    /// <summary>Its name in status and logs; empty for one made of host and port.</summary>
    public string Name { get; set; } = "";

    /// <summary>The cluster that it belongs to: silos and clients with another one do not talk to it.</summary>
    public string ClusterId { get; set; } = "grid";

    /// <summary>The service: fixed for the life of what the cluster stores.</summary>
    public string ServiceId { get; set; } = "grid";

    /// <summary>The address at which other silos and clients reach it: an IP address or a host name.</summary>
    public string Address { get; set; } = "127.0.0.1";

    /// <summary>Port for other silos.</summary>
    public int SiloPort { get; set; } = 11111;

    /// <summary>Port for clients.</summary>
    public int GatewayPort { get; set; } = 30000;

    /// <summary>What fails together with the silo; empty for the silo alone.</summary>
    public string Zone { get; set; } = "";

    /// <summary>Port for probes of its health, by HTTP; 0 for none.</summary>
    public int HealthPort { get; set; }
}

/// <summary>How silos find each other.</summary>
internal enum ClusteringProvider
{
    /// <summary>Through the first silo's memory: nothing to install, and nothing survives that silo.</summary>
    Development,

    /// <summary>Through Redis, which keeps the shard records too.</summary>
    Redis,

    /// <summary>Through a PostgreSQL database, which keeps the shard records too.</summary>
    PostgreSql,
}

/// <summary>How silos find each other: section <c>Clustering</c>.</summary>
internal sealed class ClusteringSettings
{
    public ClusteringProvider Provider { get; set; }

    /// <summary>With Development: HOST:PORT of the first silo's silo port; empty for this silo itself.</summary>
    public string FirstSilo { get; set; } = "";

    /// <summary>With Redis: as StackExchange.Redis reads it, for instance <c>redis:6379,password=...</c>; with PostgreSql as Npgsql does: <c>Host=db;Database=grid;...</c>.</summary>
    public string ConnectionString { get; set; } = "";
}

/// <summary>All settings, read and checked.</summary>
internal sealed class ServerSettings
{
    public required SiloSettings Silo { get; init; }

    public required ClusteringSettings Clustering { get; init; }

    public required TelemetrySettings Telemetry { get; init; }

    public required IPAddress Address { get; init; }

    /// <summary>With Development: where the first silo is.</summary>
    public required IPEndPoint FirstSilo { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }

    public required ServerConfiguration Configuration { get; init; }

    public string Name => Silo.Name.Length > 0 ? Silo.Name : $"{(IPAddress.IsLoopback(Address) ? "silo" : Environment.MachineName)}-{Silo.SiloPort}";

    public bool IsFirst => FirstSilo.Equals(new IPEndPoint(Address, Silo.SiloPort));

    /// <summary>Sets what the section <c>Grid</c> names; its ranges are checked when the silo starts.</summary>
    public void ApplyTo(GridOptions options) => new SettingsReader(Configuration.Root).Read(GridConstants.ConfigurationSection, options);

    /// <summary>Reads and checks everything.</summary>
    /// <exception cref="CommandException">Something is wrong; the message has a line for each key that is.</exception>
    public static ServerSettings Read(ServerConfiguration configuration)
    {
        SettingsReader reader = new(configuration.Root);
        SiloSettings silo = reader.Read("Silo", new SiloSettings());
        ClusteringSettings clustering = reader.Read("Clustering", new ClusteringSettings());
        TelemetrySettings telemetry = reader.Read("Telemetry", new TelemetrySettings());
        reader.Read(GridConstants.ConfigurationSection, new GridOptions());
        reader.Know("Logging");
        reader.CheckSections();

        List<string> errors = reader.Errors;
        CheckPort(errors, "Silo:SiloPort", silo.SiloPort);
        CheckPort(errors, "Silo:GatewayPort", silo.GatewayPort);
        if (silo.SiloPort == silo.GatewayPort)
            errors.Add($"Silo:SiloPort and Silo:GatewayPort are both {silo.SiloPort}; they must differ.");
        if (silo.HealthPort != 0)
            CheckPort(errors, "Silo:HealthPort", silo.HealthPort);
        if (silo.HealthPort != 0 && (silo.HealthPort == silo.SiloPort || silo.HealthPort == silo.GatewayPort))
            errors.Add($"Silo:HealthPort is {silo.HealthPort}, like another port of the silo; it must differ.");
        CheckText(errors, "Silo:ClusterId", silo.ClusterId);
        CheckText(errors, "Silo:ServiceId", silo.ServiceId);
        IPAddress? address = Endpoints.Resolve(silo.Address);
        if (address is null)
            errors.Add($"Silo:Address is '{silo.Address}', which is neither an IP address nor the name of a host. It is the address at which other silos and clients reach this one.");
        else if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            errors.Add($"Silo:Address is {address}, at which nobody can reach this silo. Set it to the address by which others reach this machine.");
        IPEndPoint? first = errors.Count > 0 ? null : new IPEndPoint(address!, silo.SiloPort);
        if (clustering.Provider == ClusteringProvider.Development && clustering.FirstSilo.Length > 0)
        {
            first = Endpoints.Parse(clustering.FirstSilo);
            if (first is null)
                errors.Add($"Clustering:FirstSilo is '{clustering.FirstSilo}'; HOST:PORT of the first silo's silo port is expected, for instance 127.0.0.1:11111.");
        }

        CheckConnection(errors, clustering);
        if (telemetry.OtlpEndpoint.Length > 0 && !(Uri.TryCreate(telemetry.OtlpEndpoint, UriKind.Absolute, out Uri? collector) && collector.Scheme is "http" or "https"))
            errors.Add($"Telemetry:OtlpEndpoint is '{telemetry.OtlpEndpoint}'; the URL of a collector is expected, for instance http://127.0.0.1:4317.");
        if (errors.Count > 0)
            throw Wrong(errors);
        return new ServerSettings
        {
            Silo = silo,
            Clustering = clustering,
            Telemetry = telemetry,
            Address = address!,
            FirstSilo = first!,
            Warnings = reader.Warnings,
            Configuration = configuration,
        };
    }

    /// <summary>The failure that lists what is wrong.</summary>
    public static CommandException Wrong(IEnumerable<string> errors) =>
        new(ExitCode.Usage, $"the configuration cannot be used:{string.Concat(errors.Select(error => $"{Environment.NewLine}  {error}"))}");

    private static void CheckConnection(List<string> errors, ClusteringSettings clustering)
    {
        string connection = clustering.ConnectionString;
        string? problem = clustering.Provider switch
        {
            ClusteringProvider.Redis when string.IsNullOrWhiteSpace(connection) => "is empty; with Clustering:Provider Redis it names the server, for instance 127.0.0.1:6379",
            ClusteringProvider.Redis when RedisStore.TryParse(connection) is null => "cannot be read; HOST:PORT, then settings behind commas, is expected, for instance 127.0.0.1:6379,password=...",
            ClusteringProvider.PostgreSql when string.IsNullOrWhiteSpace(connection) => "is empty; with Clustering:Provider PostgreSql it names the database, for instance Host=127.0.0.1;Database=grid;Username=grid;Password=...",
            ClusteringProvider.PostgreSql when PostgreSqlStore.TryParse(connection) is null => "cannot be read; KEY=VALUE pairs behind semicolons are expected, Host among them, for instance Host=127.0.0.1;Database=grid;Username=grid;Password=...",
            _ => null,
        };
        if (problem is not null)
            errors.Add($"Clustering:ConnectionString {problem}.");
    }

    private static void CheckPort(List<string> errors, string key, int port)
    {
        if (port is < 1 or > 65535)
            errors.Add($"{key} is {port}; it must be 1 to 65535.");
    }

    private static void CheckText(List<string> errors, string key, string text)
    {
        if (string.IsNullOrWhiteSpace(text))
            errors.Add($"{key} is empty; give the cluster a name.");
    }
}
