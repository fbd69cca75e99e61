using Microsoft.Extensions.Configuration;

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

    private static readonly Dictionary<string, string?> Defaults = new()
    {
        ["Logging:LogLevel:Default"] = "Information",
        ["Logging:LogLevel:Orleans"] = "Warning",
        ["Logging:LogLevel:Microsoft"] = "Warning",
        ["Logging:LogLevel:Polly"] = "Error",

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
            throw new CommandException(ExitCode.Usage, $"{path} cannot be read: {(malformed.InnerException ?? malformed).Message}", malformed);
        }
    }

    /// <summary>Reads the same layers as they are now.</summary>
    /// <exception cref="CommandException">The file is missing or no JSON.</exception>
    public ServerConfiguration Reload() => Load(File, _overrides);

    private static string? Find() =>
        new[] { Path.GetFullPath(FileName), Path.Combine(AppContext.BaseDirectory, FileName) }.FirstOrDefault(System.IO.File.Exists);
}
