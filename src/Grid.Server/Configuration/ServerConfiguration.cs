using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;

namespace Grid.Server.Configuration;

/// <summary>
/// The configuration: <c>silo.json</c>, over it the environment (<c>GRID__Grid__ShardCount</c>), over it the command line.
/// </summary>
internal sealed class ServerConfiguration
{
    /// <summary>Name of the file that is looked for.</summary>
    public const string FileName = "silo.json";

    /// <summary>What environment variables begin with.</summary>
    public const string EnvironmentPrefix = "GRID__";

    /// <summary>What the log says unless something else is set.</summary>
    public static IReadOnlyDictionary<string, string?> Defaults { get; } = new Dictionary<string, string?>
    {
        ["Logging:LogLevel:Default"] = "Information",
        ["Logging:LogLevel:Orleans"] = "Warning",
        ["Logging:LogLevel:Microsoft"] = "Warning",

        // Says again what Orleans says of a call that found nobody.
        ["Logging:LogLevel:Polly"] = "None",

        // Orleans' chatter under a name of ours, and its watchdog, which takes the machine's uptime for a delay at the start.
        ["Logging:LogLevel:Grid.Silo.Services.GridSiloService"] = "Warning",
        ["Logging:LogLevel:Orleans.Runtime.Watchdog"] = "Error",

        // Warns of every stage that takes a second, which a drain does.
        ["Logging:LogLevel:Orleans.Runtime.SiloLifecycleSubject"] = "Error",

        // A start that fails is told once, by the command itself.
        ["Logging:LogLevel:Microsoft.Extensions.Hosting.Internal.Host"] = "Critical",
    };

    private readonly IReadOnlyDictionary<string, string?> _overrides;

    private ServerConfiguration(IConfigurationRoot root, string? file, IReadOnlyDictionary<string, string?> overrides)
    {
        Root = root;
        File = file;
        _overrides = overrides;
    }

    /// <summary>Everything, layered.</summary>
    public IConfigurationRoot Root { get; }

    /// <summary>The file that was read; null when there is none.</summary>
    public string? File { get; }

    /// <summary>Reads all layers.</summary>
    /// <param name="file">A file to read; null to look in the current directory, then beside the binary.</param>
    /// <param name="overrides">Keys of the command line.</param>
    /// <exception cref="CommandException">The file is missing or no JSON.</exception>
    public static ServerConfiguration Load(string? file, IReadOnlyDictionary<string, string?> overrides)
    {
        string? path = file is null ? Find() : Path.GetFullPath(file);
        if (path is not null && !System.IO.File.Exists(path))
            throw new CommandException(ExitCode.Usage, $"There is no configuration file {path}. Name another one with --config, or leave --config out to use {FileName} of the current directory.");
        ConfigurationBuilder builder = new();
        builder.AddInMemoryCollection(Defaults);
        if (path is not null)
            builder.AddJsonFile(path, optional: false, reloadOnChange: false);
        builder.AddEnvironmentVariables(EnvironmentPrefix);
        builder.AddInMemoryCollection(overrides);
        try
        {
            return new ServerConfiguration(builder.Build(), path, overrides);
        }
        catch (InvalidDataException malformed)
        {
            throw new CommandException(ExitCode.Usage, $"{path} cannot be read: {Innermost(malformed).Message}", malformed);
        }
    }

    /// <summary>The one that says where in the file.</summary>
    private static Exception Innermost(Exception failure) => failure.InnerException is { } inner ? Innermost(inner) : failure;

    /// <summary>Reads the same layers as they are now.</summary>
    /// <exception cref="CommandException">The file is missing or no JSON.</exception>
    public ServerConfiguration Reload() => Load(File, _overrides);

    /// <summary>The environment variable that sets a key.</summary>
    public static string VariableOf(string key) => EnvironmentPrefix + key.Replace(":", "__", StringComparison.Ordinal);

    /// <summary>Where the value of a key comes from.</summary>
    public Origin OriginOf(string key)
    {
        IConfigurationProvider? provider = Root.Providers.LastOrDefault(provider => provider.TryGet(key, out _));
        if (provider is null)
            return new Origin(OriginKind.Default, "");
        if (provider is JsonConfigurationProvider)
            return new Origin(OriginKind.File, File!);
        if (provider is EnvironmentVariablesConfigurationProvider)
            return new Origin(OriginKind.Environment, Environment.GetEnvironmentVariables().Keys.Cast<string>().FirstOrDefault(name => name.Equals(VariableOf(key), StringComparison.OrdinalIgnoreCase)) ?? VariableOf(key));
        return _overrides.ContainsKey(key) ? new Origin(OriginKind.CommandLine, key) : new Origin(OriginKind.Default, "");
    }

    private static string? Find() =>
        new[] { Path.GetFullPath(FileName), Path.Combine(AppContext.BaseDirectory, FileName) }.FirstOrDefault(System.IO.File.Exists);
}

/// <summary>Kinds of places that a value comes from; a later one counts more.</summary>
internal enum OriginKind
{
    /// <summary>Nobody set it.</summary>
    Default,

    /// <summary>The configuration file.</summary>
    File,

    /// <summary>An environment variable.</summary>
    Environment,

    /// <summary>The command line.</summary>
    CommandLine,
}

/// <summary>Where a value comes from.</summary>
/// <param name="Kind">The kind of place.</param>
/// <param name="Name">The file, the variable or the key.</param>
internal readonly record struct Origin(OriginKind Kind, string Name)
{
    public override string ToString() => Kind switch
    {
        OriginKind.File => Name,
        OriginKind.Environment => $"environment variable {Name}",
        OriginKind.CommandLine => "the command line",
        _ => "default",
    };
}
