using System.Net;
using Grid.Server.Configuration;
using Grid.Server.Health;
using Grid.Server.Telemetry;
using Grid.Silo;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Grid.Server.Web;

/// <summary>
/// The silo's pages by HTTP, of each part its own (<c>Map</c>): health, and whatever else the silo shows. Up before the silo joins, and until after it has left.
/// </summary>
internal sealed partial class WebHost(ServerSettings settings, IServiceProvider services, ILogger<WebHost> logger) : IHostedService, IAsyncDisposable
{
    private const int RequestBytesMax = 64 << 10;
    private const int ConnectionsMax = 256;
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(30);

    private WebApplication? _web;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.Silo.HttpPort == 0)
            return;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "grid" });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(services.GetRequiredService<ILoggerFactory>());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = RequestBytesMax;
            kestrel.Limits.MaxConcurrentConnections = ConnectionsMax;
            kestrel.Limits.KeepAliveTimeout = IdleTime;
            kestrel.Listen(new IPEndPoint(settings.HttpAddress, settings.Silo.HttpPort));
        });
        _web = builder.Build();
        _web.UseRouting();
        HealthPages.Map(_web, services.GetRequiredService<GridHealth>());
        MetricsEndpoint.Map(_web, settings.Telemetry, services);
        await _web.StartAsync(cancellationToken);
        LogUp(settings.HttpAddress, settings.Silo.HttpPort);
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _web?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _web?.DisposeAsync() ?? ValueTask.CompletedTask;

    [LoggerMessage(Level = LogLevel.Information, Message = "Health and admin page: http://{Address}:{Port}/")]
    private partial void LogUp(IPAddress address, int port);
}
