using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grid.Silo.Snapshots;

/// <summary>
/// Where disk-based snapshots are written: a folder of this silo's own, emptied when it is first used. Each file is a whole
/// snapshot, an RDB file or a VCS frame around one.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed partial class SnapshotFiles : IDisposable
{
    private readonly Lazy<string> _folder;
    private readonly ILogger<SnapshotFiles> _logger;

    public SnapshotFiles(ILocalSiloDetails silo, IOptions<GridOptions> options, ILogger<SnapshotFiles> logger)
    {
        string root = options.Value.SnapshotDirectory is { Length: > 0 } chosen ? chosen : Path.Combine(Path.GetTempPath(), "grid-snapshots");
        string own = Path.Combine(root, silo.SiloAddress.Endpoint.ToString().Replace(':', '-'));
        _logger = logger;
        _folder = new Lazy<string>(() =>
        {
            if (Directory.Exists(own))
                Directory.Delete(own, recursive: true);
            return Directory.CreateDirectory(own).FullName;
        });
    }

    /// <summary>The file of one snapshot.</summary>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    public string PathOf(int shard, long snapshotId, bool compressed) => Path.Combine(
        _folder.Value, string.Create(CultureInfo.InvariantCulture, $"shard-{shard:D4}-{snapshotId:x16}.{(compressed ? "vcs" : "rdb")}"));

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
        if (!_folder.IsValueCreated || !Directory.Exists(_folder.Value))
            return;
        try
        {
            Directory.Delete(_folder.Value, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            LogNotDeleted(failure, _folder.Value);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The snapshot {Path} could not be removed; it goes when the silo starts again")]
    private partial void LogNotDeleted(Exception failure, string path);
}
