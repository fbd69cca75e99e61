using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grid.Silo.Snapshots;

/// <summary>
/// Where disk-based snapshots are written: a folder of this silo's own, removed when it stops. Each file is a whole
/// snapshot, an RDB file or a VCS frame around one.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed partial class SnapshotFiles : IDisposable
{
    /// <summary>A folder that a killed silo left behind goes after this time; a live one is younger, since files come and go.</summary>
    private static readonly TimeSpan LeftoverAge = TimeSpan.FromHours(1);

    private readonly string _root;
    private readonly string _folder;
    private readonly ILogger<SnapshotFiles> _logger;
    private bool _used;

    public SnapshotFiles(ILocalSiloDetails silo, IOptions<GridOptions> options, ILogger<SnapshotFiles> logger)
    {
        _root = Path.GetFullPath(options.Value.SnapshotDirectory is { Length: > 0 } chosen ? chosen : Path.Combine(Path.GetTempPath(), "grid-snapshots"));
        string name = string.Create(CultureInfo.InvariantCulture, $"{silo.SiloAddress.Endpoint}-{silo.SiloAddress.Generation}-{Environment.ProcessId}");
        _folder = Path.Combine(_root, name.Replace(':', '-'));
        _logger = logger;
    }

    /// <summary>The file of one snapshot.</summary>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    public string PathOf(int shard, long snapshotId, bool compressed)
    {
        if (!Interlocked.Exchange(ref _used, true))
            RemoveLeftovers();

        // Each time: whoever tidies the temporary folder must not end all syncs.
        Directory.CreateDirectory(_folder);
        return Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"shard-{shard:D4}-{snapshotId:x16}.{(compressed ? "vcs" : "rdb")}"));
    }

    /// <summary>Removes a file; one that cannot be removed is told of and left to the next start.</summary>
    public void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            LogNotDeleted(failure, path);
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(_folder))
            RemoveFolder(_folder);
    }

    private void RemoveLeftovers()
    {
        if (!Directory.Exists(_root))
            return;
        foreach (string folder in Directory.EnumerateDirectories(_root))
        {
            if (DateTime.UtcNow - Directory.GetLastWriteTimeUtc(folder) > LeftoverAge)
                RemoveFolder(folder);
        }
    }

    private void RemoveFolder(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            LogNotDeleted(failure, folder);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The snapshot {Path} could not be removed; it goes when a silo starts an hour later")]
    private partial void LogNotDeleted(Exception failure, string path);
}
