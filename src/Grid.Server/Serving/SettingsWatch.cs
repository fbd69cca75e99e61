using Grid.Server.Configuration;
using Grid.Silo;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Grid.Server.Serving;

/// <summary>
/// Looks from time to time whether the configuration file was changed, and gives the silo the settings of section
/// <c>Grid</c> that it has now. What cannot be used is told of, and the silo keeps what it has.
/// </summary>
internal sealed partial class SettingsWatch(ServerSettings settings, GridSettings grid, TimeProvider time, ILogger<SettingsWatch> logger) : BackgroundService
{
    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.Configuration.File is not { } file)
            return;
        (DateTime, long) seen = Look(file);
        using PeriodicTimer timer = new(LookPeriod, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            (DateTime, long) now = Look(file);
            if (now == seen)
                continue;
            seen = now;
            Apply(file);
        }
    }

    /// <summary>When the file was written and how long it is; follows links, as a mounted ConfigMap has them.</summary>
    private static (DateTime, long) Look(string file)
    {
        FileInfo info = new(file);
        FileSystemInfo target = info.ResolveLinkTarget(returnFinalTarget: true) ?? info;
        return target is FileInfo { Exists: true } there ? (there.LastWriteTimeUtc, there.Length) : default;
    }

    private void Apply(string file)
    {
        try
        {
            SettingsReader reader = new(settings.Configuration.Reload());
            GridOptions next = reader.Read(GridConstants.ConfigurationSection, new GridOptions());
            IReadOnlyList<string> faults = reader.Errors.Count > 0 ? reader.Errors : grid.Replace(next);
            foreach (string warning in reader.Warnings)
                LogWarning(warning);
            if (faults.Count == 0)
                LogApplied(file);
            else
                LogRefused(file, string.Join(" ", faults));
        }
        catch (Exception failure) when (failure is CommandException or IOException)
        {
            LogRefused(file, failure.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{File} was changed: its settings of section Grid hold from now on; other sections are read when the silo starts")]
    private partial void LogApplied(string file);

    [LoggerMessage(Level = LogLevel.Error, Message = "{File} was changed, but nothing of it is applied: {Faults}")]
    private partial void LogRefused(string file, string faults);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    private partial void LogWarning(string warning);
}
